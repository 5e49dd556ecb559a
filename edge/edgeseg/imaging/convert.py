"""Conversion of arrays, PIL images, paths and bytes to a photograph."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseg.errors import PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.photo import decode_photo, read_photo, validate_photo
from edgeseg.imaging.sample_range import estimate_maximum, scale_to_uint8

if TYPE_CHECKING:
    from PIL.Image import Image

PhotoLike: TypeAlias = "npt.NDArray[Any] | Image | str | os.PathLike[str] | bytes"
"""Photograph as an array, a PIL image, a path, or the bytes of an image file; see `to_photo`."""

_TOLERANCE = 0.01  # resampled float arrays may exceed the range slightly


def to_photo(value: PhotoLike, name: str = "photograph") -> Photo:
    """Convert an array, a PIL image, a path or the bytes of a file to a photograph.

    Arrays are (H, W), (H, W, 1), (H, W, 3) in RGB order, or (H, W, 4) with alpha. Transparent
    pixels become black. Values of the arrays:

    - uint8: 0 to 255;
    - float: 0 to 1 if no value is above 1, otherwise 0 to 255;
    - uint16 and other integers: 0 to the maximum of the smallest range (8, 10, 12, 14 or 16 bits)
      that contains 95 % of the pixels in the field of view. Files are converted in the same way.

    A PIL image is converted by `numpy.asarray`, which ignores its EXIF orientation.

    Args:
        value: photograph.
        name: name of the photograph for error messages; ignored if the value is a path.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        PhotoError: The type, shape or range is not supported, or the file cannot be decoded.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return decode_photo(bytes(value), name)
    if isinstance(value, (str, os.PathLike)):
        return read_photo(Path(value))
    if type(value).__module__.startswith("PIL.") and hasattr(value, "convert"):
        value = _pil_to_array(value)
    if not isinstance(value, np.ndarray):
        raise PhotoError(
            f"{name}: {type(value).__name__} is not a photograph. Pass an array (H, W, 3) in RGB "
            "order, a PIL image, a path, or the bytes of a file."
        )
    return validate_photo(_to_rgb(_to_uint8(value, name), name), name)


def _pil_to_array(image: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - Pillow is optional
    if image.mode in {"L", "RGB", "RGBA", "I", "F"} or image.mode.startswith("I;16"):
        return np.asarray(image)
    has_alpha = image.mode in {"LA", "PA", "La", "RGBa"} or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if has_alpha else "RGB"))


def _to_uint8(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8 or not array.size:
        return array
    if array.dtype.kind == "f":
        return _float_to_uint8(array, name)
    if array.dtype.kind not in "iu":
        raise PhotoError(
            f"{name}: {array.dtype} values are not supported. Pass uint8, uint16 or float values."
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise PhotoError(f"{name}: invalid values ({low} to {high}). Pass values from 0 to 65535.")
    samples = array.astype(np.uint16)
    if samples.ndim == 3 and samples.shape[2] == 4:
        return np.dstack(
            [_scale(samples[:, :, :3]), (samples[:, :, 3] > 0).astype(np.uint8) * np.uint8(255)]
        )
    return _scale(samples)


def _scale(samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    return scale_to_uint8(samples, estimate_maximum(samples))


def _float_to_uint8(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    maximum = 1.0 if high <= 1 + _TOLERANCE else 255.0
    is_in_range = low >= -_TOLERANCE * maximum and high <= (1 + _TOLERANCE) * maximum
    if not is_in_range:  # also for NaN
        raise PhotoError(
            f"{name}: invalid float values ({low:.4g} to {high:.4g}). Pass values from 0 to 1, "
            "or from 0 to 255."
        )
    scaled = np.rint(array * (255 / maximum))
    return np.asarray(scaled.clip(0, 255), np.uint8)


def _to_rgb(array: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim == 2:
        return np.repeat(array[:, :, np.newaxis], 3, axis=2)
    if array.ndim == 3 and array.shape[2] == 4:
        rgb = np.array(array[:, :, :3])
        if array[:, :, 3].any():  # if all values are 0, the alpha channel is unused
            rgb[array[:, :, 3] == 0] = 0
        return rgb
    if array.ndim != 3 or array.shape[2] != 3:
        raise PhotoError(
            f"{name}: invalid shape {array.shape}. Pass (H, W), (H, W, 3) in RGB order, or "
            "(H, W, 4)."
        )
    return array
