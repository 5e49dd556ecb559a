"""PyTorch file with tensors and plain values.

Files are untrusted, and are read without executing pickles.
"""

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgeseg.errors import ModelError, one_line
from edgeseg.system.files import write_atomically
from edgeseg_train.file_kind import describe_foreign_file

# Classes of NumPy values that may be stored with the weights, such as a Dice or a history. These
# classes are safe to load, because they only create arrays. The module names differ between NumPy 1
# and NumPy 2.
_MAKE_SCALAR = np.float64(0).__reduce__()[0]
_MAKE_ARRAY = np.zeros(1).__reduce__()[0]
_DTYPE_CODES = (*np.typecodes["AllInteger"], *np.typecodes["AllFloat"], "?")
NUMPY_GLOBALS: list[Any] = [
    (_MAKE_SCALAR, "numpy.core.multiarray.scalar"),
    (_MAKE_SCALAR, "numpy._core.multiarray.scalar"),
    (_MAKE_ARRAY, "numpy.core.multiarray._reconstruct"),
    (_MAKE_ARRAY, "numpy._core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(code)) for code in _DTYPE_CODES),
]


def write_tensors(plain: Mapping[str, object], file: Path) -> None:
    """Write tensors and plain values atomically."""
    buffer = io.BytesIO()
    torch.save(dict(plain), buffer)
    write_atomically(file, buffer.getvalue())


def read_tensors(file: Path) -> dict[str, object]:
    """Read tensors and plain values from an untrusted file, without executing code.

    Raises:
        ModelError: The file is missing or damaged, contains a pickle, or is not a dictionary.
    """
    if not file.is_file():
        reason = "not a regular file" if file.exists() else "no such checkpoint file"
        raise ModelError(f"{file}: {reason}. Check the path.")
    try:
        if (description := describe_foreign_file(file)) is not None:
            raise ModelError(f"{file}: {description}")
        _check_archive(file)
        with warnings.catch_warnings(), torch.serialization.safe_globals(NUMPY_GLOBALS):
            warnings.simplefilter("ignore")  # the following check reports damaged files
            plain = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{file}: {_explain_unpickling_error(error)}") from error
    except ModelError:
        raise
    except Exception as error:  # damaged files cause various exceptions
        # The rest of PyTorch's message is advice that does not apply to edgeseg.
        detail = f"{type(error).__name__} {one_line(error).partition('. ')[0]}".strip()
        raise ModelError(
            f"{file}: damaged or not a checkpoint ({detail}). Copy the file again."
        ) from error
    if not isinstance(plain, dict):
        raise ModelError(
            f"{file}: contains a {type(plain).__name__} instead of a checkpoint. Save "
            "model.state_dict() with torch.save."
        )
    return plain


def _explain_unpickling_error(error: pickle.UnpicklingError) -> str:
    """Return the reason why a file cannot be loaded without executing code."""
    match = re.search(r"GLOBAL ([\w.]+)", str(error))
    if match is None:
        return (
            "damaged, or contains pickled code, which is never executed. Copy the file again, or "
            "save model.state_dict() with torch.save."
        )
    return (
        f"contains a pickled object of the class {match[1][:100]}. Its code is never executed. "
        "Ask the author for a file with model.state_dict(), saved with torch.save."
    )


def _check_archive(file: Path) -> None:
    """Check the checksums of a zip archive. `torch.load` ignores checksums.

    Raises:
        zipfile.BadZipFile: A part is damaged. The message contains its name.
    """
    if not zipfile.is_zipfile(file):  # PyTorch's old format has no checksums
        return
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise zipfile.BadZipFile("PyTorch does not write compressed parts")
        if (damaged_part := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {damaged_part!r}")
