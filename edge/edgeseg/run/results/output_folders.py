"""Sub-folders of the output folder with the same names as the input folders."""

import os
import threading
from functools import cached_property
from pathlib import Path

from edgeseg.errors import PhotoError
from edgeseg.run.results.provenance import read_photograph_hash
from edgeseg.system.files import make_folder, remove_stale_temporaries


class OutputFolders:
    """Creation and checking of the folders of results, inside the output folder.

    Args:
        output: output folder, which may be a link.
        follow_links: whether to follow links in the output folder.
    """

    def __init__(self, output: Path, follow_links: bool = False) -> None:
        self.output = output
        self.follow_links = follow_links
        self._targets: dict[str, str] = {}
        self._created: set[Path] = set()
        self._lock = threading.Lock()

    def check(self, file: Path, name: str) -> None:
        """Check that a result would be written inside the output folder and not through a link.

        Args:
            file: result.
            name: name of the photograph in the message.

        Raises:
            PhotoError: The result would be outside the output folder. The result or a folder on its
                path is a link, and links are not followed. Two results would have the same target.
        """
        inside = os.path.relpath(os.path.abspath(file), os.path.abspath(self.output))  # noqa: PTH100
        if Path(inside).parts[:1] == (os.pardir,):
            raise _not_overwritten(
                f"{name}: {file} is outside the output folder. Choose another folder with -o."
            )
        target = os.path.realpath(file)
        if not self.follow_links:
            if target != os.path.join(self._real_output, inside):  # noqa: PTH118
                raise _not_overwritten(
                    f"{name}: {file} is a link or in a linked folder. Remove the link, choose "
                    "another folder with -o, or use --follow-links."
                )
            return
        with self._lock:
            if self._targets.setdefault(target, inside) != inside:
                raise _not_overwritten(_behind_link(file, name))

    def check_target(self, file: Path, name: str, photograph: str) -> None:
        """Check that the target of a link is not the result of another photograph.

        Args:
            file: result.
            name: name of the photograph in the message.
            photograph: SHA-256 of the photograph, in hexadecimal.

        Raises:
            PhotoError: The target of the link contains the hash of another photograph.
        """
        if not self.follow_links or os.path.realpath(file) == os.path.abspath(file):  # noqa: PTH100
            return
        stored = read_photograph_hash(file)
        if stored is not None and stored != photograph:
            raise _not_overwritten(_behind_link(file, name))

    @cached_property
    def _real_output(self) -> str:
        return os.path.realpath(self.output)

    def create_parent(self, file: Path) -> None:
        """Create the folder of a result, and remove temporary files of killed runs.

        Raises:
            SystemSetupError: The folder cannot be created.
        """
        folder = file.parent
        if folder == self.output:
            return
        with self._lock:  # another thread must not remove temporary files in use
            if folder in self._created:
                return
            make_folder(folder)
            remove_stale_temporaries(folder)
            self._created.add(folder)


def _behind_link(file: Path, name: str) -> str:
    return (
        f"{name}: refusing to overwrite the target of the link {file}, which is the result of "
        "another photograph. Remove the link."
    )


def _not_overwritten(message: str) -> PhotoError:
    return PhotoError(message, code="not_overwritten")
