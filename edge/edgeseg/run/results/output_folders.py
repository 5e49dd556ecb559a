"""Sub-folders of the output folder that mirror the input folders."""

import os
import threading
from pathlib import Path

from edgeseg.errors import PhotoError
from edgeseg.system.files import make_folder, remove_stale_temporaries


class OutputFolders:
    """Create the folders of results, all inside the output folder.

    Args:
        output: output folder; it may itself be a link.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self._created: set[Path] = set()
        self._lock = threading.Lock()

    def check(self, file: Path, name: str) -> None:
        """Check that a result would be written inside the output folder.

        Args:
            file: result.
            name: name of the photograph in the message.

        Raises:
            PhotoError: The result, or a folder on its path, is a link out of the output folder.
        """
        root = os.path.realpath(self.output)
        if os.path.commonpath([root, os.path.realpath(file)]) != root:
            raise PhotoError(
                f"{name}: {file} is a link out of the output folder. Remove it or choose another "
                "folder with -o.",
                code="not_overwritten",
            )

    def create_parent(self, file: Path) -> None:
        """Create the folder of a result and remove what killed runs left in it.

        Raises:
            SystemSetupError: The folder cannot be created.
        """
        folder = file.parent
        if folder == self.output:
            return
        with self._lock:  # another thread must not remove a temporary file that is in use
            if folder in self._created:
                return
            make_folder(folder)
            remove_stale_temporaries(folder)
            self._created.add(folder)
