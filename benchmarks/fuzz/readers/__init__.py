"""Table of the readers under test. Large libraries are imported when a reader is created."""

from collections.abc import Callable, Mapping
from functools import cache

from fuzz.reader import Reader
from fuzz.readers import checkpoints, dicom_files, images, jobs, models, tables, uploads, videos

_BUILDERS: Mapping[str, Callable[[str], Reader]] = {
    **images.READERS,
    **videos.READERS,
    **models.READERS,
    **checkpoints.READERS,
    **tables.READERS,
    **jobs.READERS,
    **dicom_files.READERS,
    **uploads.READERS,
}


def reader_names() -> list[str]:
    """Return the names of all readers, in the order of the table."""
    return list(_BUILDERS)


@cache
def build_reader(name: str) -> Reader:
    """Create a reader, including a valid input to mutate."""
    return _BUILDERS[name](name)
