"""Detection of masks among photographs. Masks are not segmented.

A file is decoded only if it has the name of a mask or far fewer bytes per pixel than a photograph.
"""

import re
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from edgeseg.errors import InvalidImageError, PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.decoder import MAX_FILE_BYTES
from edgeseg.imaging.file_headers import peek_header
from edgeseg.imaging.gzip_files import GZIP_SIGNATURE
from edgeseg.imaging.photo import decode_photo, photo_stem, read_photo_bytes
from edgeseg.imaging.required_memory import estimate_file
from edgeseg.imaging.size_limits import MAX_REQUIRED_BYTES
from edgeseg.system.memory_budget import MemoryBudget
from edgeseg.system.regular_files import open_regular_file

_MASK_STEM = re.compile(
    r"(?:^|[-_. ])(?:\dst|\dnd)?(?:ho|manual\d*|masks?|labels?|vessels?|gt|ground[-_ ]?truth|"
    r"seg|segmentation|annotations?|fov|av|ah|vk|arter(?:y|ies)|veins?)\d*$",
    re.IGNORECASE,
)
_MASK_FOLDER = re.compile(
    r"(?:\d(?:st|nd)_?)?manual\d*|masks?|.*labels?(?:[-_].*)?|gt|ground[-_ ]?truth|fov|"
    r"segmentations?|annotations?",
    re.IGNORECASE,
)
_HEADER_BYTES = 1 << 17  # in a JPEG, the EXIF thumbnail precedes the image size
_PALETTE_OR_GREY_PNG = (0, 3, 4)  # values of the colour type in a PNG header
_MAX_BITS_PER_PIXEL = {"png": 2.0, "jpeg": 1.0, "dicom": 0.0}
_MAX_LEVELS = 8  # largest number of grey levels in a drawn mask
_MAX_NAMED_LEVELS = 16
_MAX_GREY_SHARE = 0.03  # allows for blurred edges and JPEG noise
_MAX_NAMED_GREY_SHARE = 0.25
_MIN_BRIGHT_SHARE = 0.005
_MAX_CHROMA = 8.0  # maximum mean difference between the channels of a grey image
_JPEG_PARTS = (8, 4, 1)  # divisors of the number of bytes of a JPEG, tried in this order
_BRIGHT = 127
_GREY_LEVELS = (32, 223)  # range of grey levels between dark and bright
_SAMPLED_SIDE = 1000  # maximum side in pixels; larger images are sampled

_decoding_budget = MemoryBudget(MAX_REQUIRED_BYTES)  # a folder is scanned by several threads


def is_mask(path: Path) -> bool:
    """Return whether an image is a mask instead of a photograph.

    A mask has two to eight grey levels, or nearly all of its pixels are black or white. A file with
    the name of a mask (`NAME_1stHO.png`, `manual1/NAME.tif`) may also contain class numbers and
    blurred edges. A file that cannot be decoded is not a mask.
    """
    stem = photo_stem(path)
    is_named = bool(_MASK_STEM.search(stem) or _MASK_FOLDER.fullmatch(path.parent.name))
    try:
        if not is_named and not _may_be_mask(path):
            return False
        if not is_named and _is_colour_jpeg(path):
            return False
        return _is_mask_image(_read_sample(path), is_named)
    except (OSError, PhotoError):
        return False


def _read_sample(path: Path) -> Photo:
    """Read an image file and return its pixels, or a sample of the pixels of a large image."""
    with _decoding_budget.reserve(estimate_file(path)):
        image = decode_photo(read_photo_bytes(path))
        step = max(1, max(image.shape) // _SAMPLED_SIDE)
        return image if step == 1 else image[::step, ::step].copy()


def _may_be_mask(path: Path) -> bool:
    """Return whether the file may be a mask. Only the header is read."""
    with open_regular_file(path) as file:
        beginning = file.read(_HEADER_BYTES)
        size = file.seek(0, 2)
    try:
        header = peek_header(beginning)
    except InvalidImageError:  # a gzip file or an unsupported format
        return beginning.startswith(GZIP_SIGNATURE)
    if header is None or not header.width * header.height:
        return False
    if header.format == "png" and beginning[25] in _PALETTE_OR_GREY_PNG:
        return True
    limit = _MAX_BITS_PER_PIXEL.get(header.format)
    return limit is None or size * 8 < limit * header.width * header.height


def _is_colour_jpeg(path: Path) -> bool:
    """Return whether a file is a JPEG with colours. Its first bytes are sufficient in most cases.

    The JPEG is decoded at an eighth of its size. Missing pixels are grey, so that they do not
    increase the chroma.
    """
    with open_regular_file(path) as file:
        size = file.seek(0, 2)
        for divisor in _JPEG_PARTS:
            file.seek(0)
            data = file.read(min(size, MAX_FILE_BYTES) // divisor)
            if not data.startswith(b"\xff\xd8\xff"):
                return False
            try:
                small = simplejpeg.decode_jpeg(data, min_height=1, min_width=1, strict=False)
            except ValueError:  # no complete header, or CMYK
                continue
            if _chroma(small) > _MAX_CHROMA:
                return True
    return False


def _chroma(image: Photo) -> float:
    red, green, blue = cv2.split(image)
    brightest = cv2.max(cv2.max(red, green), blue)
    darkest = cv2.min(cv2.min(red, green), blue)
    return float(cv2.mean(cv2.subtract(brightest, darkest))[0])


def _is_mask_image(image: Photo, is_named: bool) -> bool:
    grey = image.max(axis=2)
    counts = np.bincount(grey.ravel(), minlength=256)
    levels = np.count_nonzero(counts)
    if levels < 2:  # for example, the black frame of a covered camera
        return False
    if levels <= (_MAX_NAMED_LEVELS if is_named else _MAX_LEVELS):
        # Noise in a dark image also has few levels.
        return is_named or int(grey.max()) > _BRIGHT
    bright_share = counts[_BRIGHT + 1 :].sum() / grey.size
    if not _MIN_BRIGHT_SHARE < bright_share < 1 - _MIN_BRIGHT_SHARE:
        return False
    darkest, brightest = _GREY_LEVELS
    is_grey = ((image >= darkest) & (image <= brightest)).any(axis=2)
    grey_share = float(is_grey.mean())
    if is_named:
        return grey_share < _MAX_NAMED_GREY_SHARE
    return grey_share < _MAX_GREY_SHARE and _chroma(image) < _MAX_CHROMA
