"""Checkpoints: `.pt` files of edgeseg and other programs, and `.safetensors` files."""

import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from edgeseg.preprocessing.config import preprocessing_preset
from fuzz.reader import Outcome, Reader
from fuzz.sample_models import make_checkpoint

_SIZE = 64
_PICKLE = "data.pkl"
_LENGTH = "<Q"


def _own_checkpoint() -> bytes:
    from edgeseg_train.checkpoint import save_checkpoint  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "checkpoint.pt")
        save_checkpoint(make_checkpoint(preprocessing_preset("edge", _SIZE)), file)
        return file.read_bytes()


def _read_own(data: bytes, folder: Path) -> object:
    from edgeseg_train.checkpoint import load_checkpoint  # noqa: PLC0415

    file = folder / "checkpoint.pt"
    file.write_bytes(data)
    return load_checkpoint(file)


def _read_foreign(suffix: str, data: bytes, folder: Path) -> object:
    """Read a bare state dict for `edgeseg convert --arch tiny --preprocessing edge`."""
    from edgeseg_export.source import SourceOptions, open_source  # noqa: PLC0415

    file = folder / f"weights{suffix}"
    file.write_bytes(data)
    source = open_source(file, SourceOptions(arch="tiny", preprocessing="edge", size=_SIZE))
    return source.network.state_dict()


def compare_checkpoints(value: object, expected: object) -> Outcome:
    """Compare metadata, and weights bit for bit."""
    import torch  # noqa: PLC0415

    from edgeseg_train.checkpoint import Checkpoint  # noqa: PLC0415

    weights, others = value, expected
    if isinstance(value, Checkpoint) and isinstance(expected, Checkpoint):
        for name in ("architecture", "preprocessing", "sizes", "training_data", "evidence"):
            if getattr(value, name) != getattr(expected, name):
                return "different"
        weights, others = value.weights, expected.weights
    assert isinstance(weights, Mapping) and isinstance(others, Mapping)
    same = all(torch.equal(weight, others[name]) for name, weight in weights.items())
    return "same" if same else "different"


def replace_pickle(archive: bytes, pickled: bytes) -> bytes:
    """Return a `.pt` file (a valid zip archive) with another pickle."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.infolist():
            is_pickle = part.filename.endswith(_PICKLE)
            new.writestr(part, pickled if is_pickle else old.read(part))
    return target.getvalue()


def _own(name: str) -> Reader:
    return Reader(name, _own_checkpoint(), _read_own, compare=compare_checkpoints)


def _own_pickle(name: str) -> Reader:
    archive = _own_checkpoint()
    with zipfile.ZipFile(io.BytesIO(archive)) as parts:
        (pickle_name,) = (part for part in parts.namelist() if part.endswith(_PICKLE))
        pickled = parts.read(pickle_name)
    embed = partial(replace_pickle, archive)
    return Reader(name, pickled, _read_own, embed, compare=compare_checkpoints)


def _old_format(name: str) -> Reader:
    """Return a reader of a checkpoint in PyTorch's old format, which has no checksums."""
    import torch  # noqa: PLC0415

    file = io.BytesIO()
    weights = make_checkpoint(preprocessing_preset("edge", _SIZE)).weights
    torch.save(dict(weights), file, _use_new_zipfile_serialization=False)
    read = partial(_read_foreign, ".pt")
    return Reader(name, file.getvalue(), read, compare=compare_checkpoints)


def _safetensors() -> tuple[bytes, bytes]:
    """Return the header and the tensors of a `.safetensors` file."""
    entries: dict[str, object] = {}
    tensors = b""
    for name, weight in make_checkpoint(preprocessing_preset("edge", _SIZE)).weights.items():
        data = weight.numpy().tobytes()
        dtype = "F32" if weight.is_floating_point() else "I64"
        offsets = [len(tensors), len(tensors) + len(data)]
        entries[name] = {"dtype": dtype, "shape": list(weight.shape), "data_offsets": offsets}
        tensors += data
    return json.dumps(entries).encode(), tensors


def _join_safetensors(tensors: bytes, header: bytes) -> bytes:
    return struct.pack(_LENGTH, len(header)) + header + tensors


def _tensor_file(name: str) -> Reader:
    header, tensors = _safetensors()
    read = partial(_read_foreign, ".safetensors")
    data = _join_safetensors(tensors, header)
    return Reader(name, data, read, compare=compare_checkpoints)


def _tensor_header(name: str) -> Reader:
    header, tensors = _safetensors()
    read = partial(_read_foreign, ".safetensors")
    embed = partial(_join_safetensors, tensors)
    return Reader(name, header, read, embed, text=True, compare=compare_checkpoints)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "checkpoint, .pt": _own,
    "checkpoint, .pt, pickle in a valid archive": _own_pickle,
    "checkpoint, .pt, old format": _old_format,
    "checkpoint, .safetensors": _tensor_file,
    "checkpoint, .safetensors, header": _tensor_header,
}
