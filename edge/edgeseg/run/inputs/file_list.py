"""List of inputs from a file or standard input: `--files-from LIST|-`."""

import os
import sys
from pathlib import Path

from edgeseg.errors import UsageError
from edgeseg.system.regular_files import MAX_TEXT_BYTES, read_regular_file


def read_file_list(source: str) -> list[str]:
    """Read names of files and folders, one per line, or separated by null characters.

    Args:
        source: text file, or "-" for standard input.

    Returns:
        Names, without empty lines. A relative name is relative to the current folder.

    Raises:
        UsageError: The list cannot be read, is too long, or contains no name.
    """
    if source == "-":
        data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
        if len(data) > MAX_TEXT_BYTES:
            raise UsageError(
                f"--files-from -: the list is longer than {MAX_TEXT_BYTES >> 20} MiB. Split "
                "the list."
            )
    else:
        try:
            data = read_regular_file(Path(source))
        except (OSError, ValueError) as error:  # ValueError: a null character
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{source}: list cannot be read ({reason}). Check the name."
            ) from error
    names = [name for name in _split_names(data) if name]
    if not names:
        raise UsageError(f"--files-from {source}: the list is empty. Add file names.")
    return names


def _split_names(data: bytes) -> list[str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # a PowerShell list
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        return [os.fsdecode(name) for name in data.split(b"\0")]
    return [os.fsdecode(line.removesuffix(b"\r")) for line in data.split(b"\n")]
