"""Read `.safetensors` files, which contain a JSON header and raw bytes, and no code."""

import math
from pathlib import Path

import msgspec
import torch

from edgeseg.errors import ModelError, one_line
from edgeseg.system.regular_files import open_regular_file

HEADER_LENGTH_BYTES = 8
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def read_safetensors(file: Path) -> dict[str, object]:
    """Return a dict from name to tensor.

    Raises:
        ModelError: The file is missing or damaged. The message contains the file name.
    """
    try:
        with open_regular_file(file) as stream:
            data = bytearray(stream.read())
        length = int.from_bytes(data[:HEADER_LENGTH_BYTES], "little")
        start = HEADER_LENGTH_BYTES + length
        header = msgspec.json.decode(data[HEADER_LENGTH_BYTES:start], type=dict[str, msgspec.Raw])
        header.pop("__metadata__", None)
        tensors: dict[str, object] = {}
        for name, raw in header.items():
            entry = msgspec.json.decode(raw, type=_Entry)
            dtype = DTYPES[entry.dtype]
            count = math.prod(entry.shape)
            first, last = entry.data_offsets
            if (
                not 0 <= first <= last <= len(data) - start
                or last - first != count * dtype.itemsize
            ):
                raise ValueError(f"{name[:80]!r} is outside the file")
            flat = torch.empty(0, dtype=dtype)
            if count:
                flat = torch.frombuffer(data, dtype=dtype, count=count, offset=start + first)
            tensors[name] = flat.reshape(entry.shape).clone()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelError(
            f"{file}: damaged or not a safetensors file ({one_line(error)}). Copy the file again."
        ) from error
    return tensors
