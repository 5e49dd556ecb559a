"""DICOM file with its data set and pixel layout. Both are checked before decoding."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset, read_preamble

from edgeseg.dicom.pixel_data import PixelData, locate_pixel_data
from edgeseg.dicom.sop_classes import PHOTOGRAPHS, describe_uid
from edgeseg.dicom.transfer_syntaxes import (
    COMPRESSIONS,
    DEFLATED,
    EXPLICIT_LITTLE_ENDIAN,
    Compression,
)
from edgeseg.dicom.values import read_integer, read_text
from edgeseg.errors import CUT_OFF, DAMAGED, InvalidImageError
from edgeseg.imaging.image_header import ImageHeader
from edgeseg.imaging.size_limits import check_memory, check_size

# Invalid values are common, and pydicom would print a warning for each invalid value.
warnings.filterwarnings("ignore", module=r"(pydicom|highdicom)\.")

_MAX_FRAMES = 4096
_MAX_INFLATED_BYTES = 256 << 20
# Bytes per sample that each decoder requires in addition to the RGB image.
_DECODER_BYTES: dict[Compression, int] = {
    "none": 1,
    "rle": 4,
    "jpeg": 1,
    "jpeg_lossless": 8,
    "jpeg_ls": 4,
    "jpeg2000": 8,
}
_PHOTOMETRIC_SAMPLES = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}


@dataclass(frozen=True)
class PixelLayout:
    """Size and type of the samples (Image Pixel module).

    Attributes:
        rows: height of a frame.
        columns: width of a frame.
        samples: samples per pixel, 1 or 3.
        photometric: photometric interpretation.
        bits_allocated: bits of a sample in the file, 8 or 16.
        bits_stored: bits of a sample that are used.
        high_bit: number of the highest used bit.
        is_planar: whether each colour is stored as a separate plane.
        frames: number of frames.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_planar: bool
    frames: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of an uncompressed frame."""
        pixels = self.rows * self.columns * self.bits_allocated // 8
        if self.photometric == "YBR_FULL_422":
            return 2 * pixels
        return pixels * self.samples


@dataclass(eq=False)
class DicomInstance:
    """DICOM file with photographs.

    Attributes:
        data: bytes of the file, after decompression of a deflated file.
        header: size of a frame and memory for its decoding.
        dataset: data set without the pixels.
        layout: size and type of the samples.
        compression: compression of the pixels.
        pixel_data: location of the pixels.
    """

    data: bytes
    header: ImageHeader
    dataset: FileDataset
    layout: PixelLayout
    compression: Compression
    pixel_data: PixelData

    def release_data(self) -> None:
        """Free the bytes of the file. Then its frames cannot be decoded any more."""
        _ = self.sha256  # is computed from the bytes
        self.data = b""
        self.dataset.buffer = None

    @property
    def sop_class(self) -> str:
        """UID of the SOP class."""
        return _sop_class(self.dataset)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return sha256(self.data).hexdigest()


def read_instance(data: bytes) -> DicomInstance:
    """Read a DICOM file and run all checks that do not require decoding.

    Args:
        data: bytes of the file, with or without preamble.

    Raises:
        InvalidImageError: the file is damaged, truncated, too large, not a photograph, or of an
            unsupported type.
    """
    try:
        data = _inflate(data)
        stream = io.BytesIO(data)
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        position = stream.tell()
        _, little = dataset.original_encoding
        syntax = read_text(dataset.file_meta, "TransferSyntaxUID")
    except (InvalidImageError, MemoryError):
        raise
    except Exception as error:  # pydicom raises various exceptions for damaged files
        raise InvalidImageError(f"a DICOM file that cannot be parsed: {DAMAGED}") from error
    _check_class(dataset)
    compression = COMPRESSIONS["1.2.840.10008.1.2"]
    if syntax:
        if syntax not in COMPRESSIONS:
            raise _unsupported(f"DICOM pixels in the transfer syntax {describe_uid(syntax)}")
        compression = COMPRESSIONS[syntax]
    layout = _read_layout(dataset)
    pixel_data = locate_pixel_data(data, position, little is not False)
    if pixel_data.length is not None:
        layout = _with_actual_subsampling(layout, pixel_data.length)
    _check_pixel_data(layout, compression, pixel_data)
    check_size(layout.columns, layout.rows)
    sample_bytes = layout.samples * layout.bits_allocated // 8
    decoder_bytes = sample_bytes * _DECODER_BYTES[compression]
    if compression == "none" and layout.bits_allocated == 16:
        decoder_bytes += layout.samples  # the unused bits are removed from a copy
    header = ImageHeader("dicom", layout.columns, layout.rows, decoder_bytes=decoder_bytes)
    check_memory(header, len(data))
    return DicomInstance(data, header, dataset, layout, compression, pixel_data)


def read_dicom_header(data: bytes, complete: bool) -> ImageHeader:
    """Read the size of the first frame and the memory for its decoding.

    Args:
        data: bytes of the file.
        complete: True if `data` is the whole file, False if it is only the beginning. Only a whole
            file is checked.

    Raises:
        InvalidImageError: see `read_instance`.
        struct.error: `data` is too short for the header.
    """
    try:
        return read_instance(data).header
    except InvalidImageError:
        if complete:
            raise
        raise struct.error from None


def _inflate(data: bytes) -> bytes:
    """Decompress a deflated file to explicit VR little endian. Return other files unchanged.

    pydicom would decompress the file without a limit.
    """
    uid = DEFLATED.encode()
    if uid not in data:
        return data
    stream = io.BytesIO(data)
    read_preamble(stream, force=True)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    if meta.get("TransferSyntaxUID") != DEFLATED:
        return data
    end = stream.tell()
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = unpacker.decompress(memoryview(data)[end:], _MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise InvalidImageError(f"a deflated DICOM file: {DAMAGED}") from error
    if not unpacker.eof:
        if len(inflated) < _MAX_INFLATED_BYTES:
            raise InvalidImageError(f"a deflated DICOM file: {CUT_OFF}")
        raise InvalidImageError("a deflated DICOM file is too large", "too_large")
    plain = EXPLICIT_LITTLE_ENDIAN.encode().ljust(len(uid), b"\0")
    return b"".join((data[:end].replace(uid, plain), inflated))


def _sop_class(dataset: FileDataset) -> str:
    stated = read_text(dataset, "SOPClassUID")
    return stated or read_text(dataset.file_meta, "MediaStorageSOPClassUID")


def _check_class(dataset: FileDataset) -> None:
    sop_class = _sop_class(dataset)
    if not sop_class:
        raise InvalidImageError(f"a DICOM file without a SOP class: {DAMAGED}")
    if sop_class not in PHOTOGRAPHS:
        raise InvalidImageError(
            f"a DICOM object that is not a photograph: {describe_uid(sop_class)}. Export the "
            "photograph instead.",
            "unsupported_format",
        )


def _read_layout(dataset: Dataset) -> PixelLayout:
    rows, columns = read_integer(dataset, "Rows"), read_integer(dataset, "Columns")
    if rows is None or columns is None:
        raise InvalidImageError(f"a DICOM file without the size of its images: {DAMAGED}")
    check_size(columns, rows)
    samples = read_integer(dataset, "SamplesPerPixel") or 1
    photometric = read_text(dataset, "PhotometricInterpretation").upper()
    photometric = photometric or ("RGB" if samples == 3 else "MONOCHROME2")
    bits = read_integer(dataset, "BitsAllocated") or 8
    if bits not in {8, 16}:
        raise _unsupported(f"DICOM pixels of {bits} bits")
    if photometric not in _PHOTOMETRIC_SAMPLES:
        raise _unsupported(f"DICOM pixels of the photometric interpretation {photometric[:20]}")
    if _PHOTOMETRIC_SAMPLES[photometric] != samples:
        raise InvalidImageError(f"{samples} samples per pixel in {photometric}: {DAMAGED}")
    if read_integer(dataset, "PixelRepresentation"):
        raise _unsupported("DICOM pixels with signed samples")
    stored = read_integer(dataset, "BitsStored") or bits
    high_bit = read_integer(dataset, "HighBit")
    high_bit = stored - 1 if high_bit is None else high_bit
    if not stored <= high_bit + 1 <= bits:
        raise InvalidImageError(f"DICOM pixels with {stored} of {bits} bits: {DAMAGED}")
    frames = read_integer(dataset, "NumberOfFrames")
    frames = 1 if frames is None or frames < 1 else frames
    if frames > _MAX_FRAMES:
        raise InvalidImageError(
            f"{frames} frames exceed the limit of {_MAX_FRAMES}. Split the file.", "too_large"
        )
    is_planar = read_integer(dataset, "PlanarConfiguration") == 1
    return PixelLayout(
        rows, columns, samples, photometric, bits, stored, high_bit, is_planar, frames
    )


def _with_actual_subsampling(layout: PixelLayout, length: int) -> PixelLayout:
    """Correct the layout of uncompressed pixels that are wrongly declared as subsampled."""
    full = replace(layout, photometric="YBR_FULL")
    is_full = full.frame_bytes * layout.frames <= length
    return full if layout.photometric == "YBR_FULL_422" and is_full else layout


def _check_pixel_data(layout: PixelLayout, compression: Compression, pixel_data: PixelData) -> None:
    """Check that the file is large enough for the pixels of every frame."""
    if (compression == "none") != (pixel_data.length is not None):
        raise InvalidImageError(f"pixels that do not match their transfer syntax: {DAMAGED}")
    if pixel_data.length is not None and pixel_data.length < layout.frames * layout.frame_bytes:
        raise InvalidImageError(f"fewer pixels than specified in the header: {CUT_OFF}")
    is_subsampled = layout.photometric == "YBR_FULL_422" and compression == "none"
    if is_subsampled and layout.columns % 2:
        raise InvalidImageError(f"subsampled pixels with an odd number of columns: {DAMAGED}")
    if pixel_data.length is None and len(pixel_data.fragments) < layout.frames:
        raise InvalidImageError(f"fewer frames than specified in the header: {CUT_OFF}")


def _unsupported(kind: str) -> InvalidImageError:
    return InvalidImageError(
        f"{kind} are not supported. Export the photograph uncompressed with 8 bits per sample.",
        "unsupported_format",
    )
