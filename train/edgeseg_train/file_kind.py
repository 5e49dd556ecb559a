"""Detect files that are not checkpoints."""

import tarfile
import zipfile
from pathlib import Path

HEAD_BYTES = 1024

# Dict from the first bytes of a file to the kind of file and the next step for the user.
SIGNATURES = {
    b"version https://git-lfs": "a Git LFS pointer instead of the file. Run `git lfs pull`.",
    b"\x1f\x8b": "a gzip file. Unpack it with `gunzip`.",
    b"BZh": "a bzip2 file. Unpack it with `bunzip2`.",
    b"\xfd7zXZ": "an xz file. Unpack it with `unxz`.",
    b"\x28\xb5\x2f\xfd": "a Zstandard file. Unpack it with `unzstd`.",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive. Unpack it and give the checkpoint inside.",
    b"Rar!": "a RAR archive. Unpack it and give the checkpoint inside.",
    b"\x93NUMPY": "a NumPy array (.npy). Save model.state_dict() with torch.save.",
    b"\x89HDF": "an HDF5 file (Keras). Only networks of PyTorch can be converted.",
    b"%PDF": "a PDF document. Download the checkpoint.",
}
WEB_PAGE = "a web page instead of a checkpoint. Download the checkpoint."
WEB_PAGE_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")
NUMPY_ARCHIVE = "a NumPy archive (.npz). Save model.state_dict() with torch.save."
PT2 = (
    "a program of torch.export (.pt2), which contains a graph instead of a state dict. "
    "Load the file with torch.export.load and save its state_dict with torch.save."
)
TORCHSCRIPT = (
    "a TorchScript program, which contains code. "
    "Load the file with torch.jit.load and save its state_dict() with torch.save."
)
ZIP = "a zip archive that contains no checkpoint of PyTorch"
TAR = "a tar archive. Unpack it and give the checkpoint inside."


def describe_foreign_file(file: Path) -> str | None:
    """Return the kind of a file and the next step, or None if it may be a checkpoint.

    Args:
        file: existing file. Only the first bytes and the names in an archive are read.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        return "an empty file. Copy or download the file again."
    for signature, description in SIGNATURES.items():
        if head.startswith(signature):
            return description
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(WEB_PAGE_STARTS):
        return WEB_PAGE
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return _describe_zip(archive.namelist())
    return TAR if tarfile.is_tarfile(file) else None


def _describe_zip(names: list[str]) -> str | None:
    files = [name for name in names if not name.endswith("/")]
    base_names = {name.rpartition("/")[2] for name in files}
    if base_names & {"serialized_exported_program.json", "archive_format"} or any(
        "/models/" in name and name.endswith(".json") for name in files
    ):
        return PT2
    if "constants.pkl" in base_names:
        return TORCHSCRIPT
    if "data.pkl" in base_names:
        return None
    if files and all(name.endswith(".npy") for name in files):
        return NUMPY_ARCHIVE
    listed = ", ".join(files[:3]) or "nothing"
    printable = "".join(filter(str.isprintable, listed))[:120]
    return f"{ZIP} (it contains {printable}). Unpack it and give the checkpoint inside."
