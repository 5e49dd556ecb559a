"""Conversion of a frame's samples (palette, YBR, window and range) to an RGB photograph."""

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from edgeseg.dicom.instance import PixelLayout
from edgeseg.dicom.values import read_items, read_numbers, read_text
from edgeseg.errors import DAMAGED, InvalidImageError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.sample_range import (
    Samples,
    apply_table,
    estimate_maximum,
    scale_to_uint8,
)

_BAND_ROWS = 64
_MAX_16_BIT = 65535
# Inverse of the matrix in the definition of YBR_FULL (DICOM PS3.3 C.7.6.3.1.2).
_YBR_TO_RGB = np.array(
    [[1, 1, 1], [0, -0.114 * 1.772 / 0.587, 1.772], [1.402, -0.299 * 1.402 / 0.587, 0]], np.float32
)


def convert_to_rgb(samples: Samples, layout: PixelLayout, dataset: Dataset, is_ybr: bool) -> Photo:
    """Convert the samples of a frame to a photograph.

    Samples of more than 8 bits are scaled to 8 bits with the window of a grey image. If there is no
    window, the scale depends on the number of stored bits. For 16 stored bits, the scale depends
    on the range of values in the field of view.

    Args:
        samples: (H, W) or (H, W, 3).
        layout: size and type of the samples.
        dataset: data set, for the palette and the window.
        is_ybr: whether the samples are luminance and colour differences.

    Raises:
        InvalidImageError: The palette is damaged.
    """
    samples = _select_bits(samples, layout)
    if layout.photometric == "PALETTE COLOR":
        return _apply_palette(samples, dataset)
    scaled = _to_uint8(samples, layout, dataset)
    if layout.photometric == "MONOCHROME1":
        scaled = ~scaled
    if scaled.ndim == 2:
        return np.repeat(scaled[:, :, np.newaxis], 3, axis=2)
    if is_ybr:
        return _convert_ybr(scaled)
    # Samples may be a read-only view of the file's bytes.
    return np.require(scaled, requirements=["C_CONTIGUOUS", "WRITEABLE"])


def _select_bits(samples: Samples, layout: PixelLayout) -> Samples:
    """Return the stored bits of the samples. In older files, the other bits contain overlays."""
    shift = layout.high_bit + 1 - layout.bits_stored
    mask = (1 << layout.bits_stored) - 1
    is_narrower = samples.dtype.itemsize * 8 < layout.bits_allocated
    if is_narrower or (not shift and layout.bits_stored == layout.bits_allocated):
        return samples
    selected: Samples = samples >> samples.dtype.type(shift)
    selected &= samples.dtype.type(mask)
    return selected


def _to_uint8(samples: Samples, layout: PixelLayout, dataset: Dataset) -> npt.NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        if layout.bits_stored < 8:
            return scale_to_uint8(samples, (1 << layout.bits_stored) - 1)
        return np.asarray(samples, np.uint8)
    window = _read_window(dataset) if layout.samples == 1 else None
    if window is not None:
        return _apply_window(samples, *window)
    if layout.bits_stored < 16:
        return scale_to_uint8(samples, (1 << layout.bits_stored) - 1)
    return scale_to_uint8(samples, estimate_maximum(np.asarray(samples, np.uint16)))


def _read_window(dataset: Dataset) -> tuple[float, float] | None:
    """Return the stored values for black and white in the first linear window, or None."""
    functions = [*read_items(dataset, "SharedFunctionalGroupsSequence"), dataset]
    for group in functions:
        for item in (*read_items(group, "FrameVOILUTSequence"), group):
            centres, widths = read_numbers(item, "WindowCenter"), read_numbers(item, "WindowWidth")
            is_linear = read_text(item, "VOILUTFunction") in {"", "LINEAR", "LINEAR_EXACT"}
            if centres and widths and widths[0] > 1 and is_linear:
                slope, intercept = _read_rescale(dataset)
                black = centres[0] - 0.5 - (widths[0] - 1) / 2
                white = black + widths[0] - 1
                return (black - intercept) / slope, (white - intercept) / slope
    return None


def _read_rescale(dataset: Dataset) -> tuple[float, float]:
    slopes = read_numbers(dataset, "RescaleSlope")
    intercepts = read_numbers(dataset, "RescaleIntercept")
    slope = slopes[0] if slopes and slopes[0] > 0 else 1.0
    return slope, intercepts[0] if intercepts else 0.0


def _apply_window(samples: Samples, black: float, white: float) -> npt.NDArray[np.uint8]:
    values = np.arange(_MAX_16_BIT + 1, dtype=np.float64)
    table = np.rint((values - black) * (255 / (white - black))).clip(0, 255).astype(np.uint8)
    return apply_table(samples, table)


def _apply_palette(samples: Samples, dataset: Dataset) -> Photo:
    try:
        levels = np.arange(np.iinfo(samples.dtype).max + 1).astype(samples.dtype)
        colours = apply_color_lut(levels[np.newaxis], dataset)[0, :, :3]
    except MemoryError:
        raise
    except Exception as error:  # pydicom raises various exceptions for damaged palettes
        raise InvalidImageError(f"a DICOM file with an invalid palette: {DAMAGED}") from error
    if colours.dtype != np.uint8:
        # Some writers store 8-bit colours in 16-bit entries.
        maximum = 255 if colours.max(initial=0) <= 255 else _MAX_16_BIT
        colours = scale_to_uint8(np.asarray(colours, np.uint16), maximum)
    return apply_table(samples, colours)


def _convert_ybr(samples: npt.NDArray[np.uint8]) -> Photo:
    """Convert full-range luminance and colour differences to RGB."""
    photo = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _BAND_ROWS):
        band = samples[top : top + _BAND_ROWS].astype(np.float32)
        band[:, :, 1:] -= 128
        rgb = cv2.transform(band, _YBR_TO_RGB.T)
        photo[top : top + _BAND_ROWS] = np.floor(rgb + 0.5).clip(0, 255)
    return photo
