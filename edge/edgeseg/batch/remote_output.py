"""Output folder in remote storage, and its copy on this machine.

Workers write the results of a task to the copy, upload the images and then the part file, and
remove these files from the copy. Therefore a remote part file is always complete, and its images
exist. There are no locks: two processes that process the same inputs write equal files.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import UNSET

from edgeseg.batch.job import JOB_NAME, STATE_FOLDER
from edgeseg.batch.locations import check_url
from edgeseg.batch.parts import InputRange, PartEntry, part_path, parts_folder
from edgeseg.batch.storage import create_file, download_file, list_files, write_file
from edgeseg.errors import UsageError
from edgeseg.system.files import make_folder

_THREADS = 8


class RemoteOutput:
    """Output folder in remote storage.

    Args:
        url: URL of the folder.

    Raises:
        UsageError: Files cannot be written to this type of URL.
    """

    def __init__(self, url: str) -> None:
        check_url(url)
        if url.startswith("http"):
            raise UsageError(
                f"-o {url}: files cannot be written to this type of URL. Use s3://, gs:// or "
                "sftp://."
            )
        self.url = url.rstrip("/")
        self._pulled: set[Path] = set()

    def pull_job(self, copy: Path) -> None:
        """Copy the job file and the list of inputs if they exist."""
        self._pull(copy, (name for name in self._state_names() if "/parts/" not in name))
        if f"{self.url}/{JOB_NAME}" in list_files(f"{self.url}/{JOB_NAME}"):
            self._pull(copy, [JOB_NAME])

    def pull_parts(self, copy: Path) -> None:
        """Download the part files that do not exist in the local copy."""
        self._pull(copy, (name for name in self._state_names() if "/parts/" in name))

    def push_job(self, copy: Path) -> bool:
        """Upload the list of inputs, and then the job file unless it exists.

        Returns:
            False if another process has created the job.
        """
        self.push(copy, (copy / STATE_FOLDER).glob("inputs-*.jsonl"))
        return create_file(f"{self.url}/{JOB_NAME}", (copy / JOB_NAME).read_bytes())

    def push_task(self, copy: Path, done: InputRange, entries: Sequence[PartEntry]) -> None:
        """Upload the images and the part file of a task, and delete them from the local copy."""
        images: list[Path] = []
        for entry in entries:
            for record in entry.records:
                if record.files is not UNSET:
                    images += [copy / name for name in msgspec.to_builtins(record.files).values()]
        images = list(dict.fromkeys(images))
        self.push(copy, images)
        self.push(copy, [part_path(copy, done)])
        for path in (*images, part_path(copy, done)):
            path.unlink(missing_ok=True)

    def push_parts(self, copy: Path) -> None:
        """Upload the part files that this process wrote.

        They contain the failed records of photographs that made worker processes crash.
        """
        self.push(copy, set(parts_folder(copy).glob("*/*.gz")) - self._pulled)

    def push(self, copy: Path, files: Iterable[Path]) -> None:
        """Upload files of the local copy."""

        def upload(path: Path) -> None:
            write_file(f"{self.url}/{path.relative_to(copy).as_posix()}", path.read_bytes())

        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(upload, files))

    def _state_names(self) -> list[str]:
        files = list_files(f"{self.url}/{STATE_FOLDER}")
        return [name.removeprefix(f"{self.url}/") for name in files]

    def _pull(self, copy: Path, names: Iterable[str]) -> None:
        def download(name: str) -> None:
            make_folder((copy / name).parent)
            download_file(f"{self.url}/{name}", copy / name)

        missing = [name for name in names if not (copy / name).exists()]
        self._pulled.update(copy / name for name in missing)
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(download, missing))


@contextmanager
def open_copy(remote: RemoteOutput) -> Iterator[Path]:
    """Copy the job from a remote folder to a temporary folder, and yield the temporary folder."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        copy = Path(folder)
        remote.pull_job(copy)
        yield copy
