"""Decoding of a frame of a DICOM file to a photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from edgeseg.dicom.instance import DicomInstance, read_instance
from edgeseg.dicom.lossless_jpeg import rebuild_lossless_jpeg
from edgeseg.dicom.rle import decode_rle
from edgeseg.dicom.samples import convert_to_rgb
from edgeseg.dicom.streams import check_jpeg2000, normalize_jpeg, read_jpeg_frame
from edgeseg.dicom.transfer_syntaxes import JPEG_LOSSLESS
from edgeseg.dicom.values import read_text
from edgeseg.errors import DAMAGED, InvalidImageError, PhotoError
from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.codec_warnings import capture_codec_warnings
from edgeseg.imaging.decoder import decode_image
from edgeseg.imaging.sample_range import Samples

_JPEG_LS, _JPEG2000 = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """Frame of a DICOM file.

    Attributes:
        instance: file.
        number: number of the frame, from 1.
    """

    instance: DicomInstance
    number: int = 1

    @property
    def sha256(self) -> str:
        """SHA-256 of the file and the number of the frame, in hexadecimal."""
        if self.instance.layout.frames == 1:
            return self.instance.sha256
        return sha256(f"{self.instance.sha256} {self.number}".encode()).hexdigest()

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID of the file; empty if missing."""
        return read_text(self.instance.dataset, "SOPInstanceUID")

    def release_data(self) -> None:
        """Free the bytes of the file if they contain no other frame."""
        if self.instance.layout.frames == 1:
            self.instance.release_data()

    def decode(self, name: str = "photograph") -> Photo:
        """Decode the frame.

        Args:
            name: name of the photograph in error messages.

        Returns:
            (H, W, 3) uint8 RGB, contiguous.

        Raises:
            PhotoError: The frame is damaged, too large, or of an unsupported type.
        """
        try:
            return _decode_frame(self.instance, self.number)
        except InvalidImageError as error:
            raise PhotoError(f"{name}: {error}", error.code) from error
        except MemoryError as error:
            raise PhotoError(
                f"{name}: not enough free memory. Free some memory.", "too_large"
            ) from error


def decode_first_frame(data: bytes) -> Photo:
    """Decode the first frame of a DICOM file.

    Args:
        data: bytes of the file.

    Raises:
        InvalidImageError: See `DicomFrame.decode` and `read_instance`.
    """
    try:
        return _decode_frame(read_instance(data), 1)
    except MemoryError as error:
        raise InvalidImageError(
            "not enough free memory for the image. Free some memory.", "too_large"
        ) from error


def _decode_frame(instance: DicomInstance, number: int) -> Photo:
    layout = instance.layout
    is_ybr = layout.photometric in {"YBR_FULL", "YBR_FULL_422"}
    if instance.compression == "none":
        # Without a variable, the samples are freed as soon as they are converted.
        return convert_to_rgb(_read_native(instance, number), layout, instance.dataset, is_ybr)
    stream = instance.pixel_data.encapsulated_frame(instance.data, number, layout.frames)
    if instance.compression == "rle":
        samples = decode_rle(
            stream, layout.rows, layout.columns, layout.samples, layout.bits_allocated
        )
        return convert_to_rgb(samples, layout, instance.dataset, is_ybr)
    if instance.compression == "jpeg2000":
        is_transformed = check_jpeg2000(stream, instance)
        samples = _decode(stream, instance, _JPEG2000, "pylibjpeg")
        is_ybr &= not is_transformed
        return convert_to_rgb(samples, layout, instance.dataset, is_ybr)
    return _decode_jpeg(stream, instance, is_ybr)


def _decode_jpeg(stream: bytes, instance: DicomInstance, is_ybr: bool) -> Photo:
    """Decode JPEG by its actual type, because some writers declare a wrong transfer syntax."""
    layout = instance.layout
    frame = read_jpeg_frame(stream, layout)
    if frame.is_lossless:
        samples = _decode_lossless(stream, instance)
        return convert_to_rgb(samples, layout, instance.dataset, is_ybr)
    if frame.code == 0xF7:
        samples = _decode(stream, instance, _JPEG_LS, "pyjpegls")
        return convert_to_rgb(samples, layout, instance.dataset, is_ybr)
    if frame.bits != 8:
        raise InvalidImageError(
            f"a lossy JPEG with {frame.bits} bits per sample is not supported. Export the "
            "photograph uncompressed.",
            "unsupported_format",
        )
    photo = decode_image(normalize_jpeg(stream, frame, layout))
    if layout.samples == 3:
        return photo
    return convert_to_rgb(np.ascontiguousarray(photo[:, :, 0]), layout, instance.dataset, False)


def _decode_lossless(stream: bytes, instance: DicomInstance) -> Samples:
    """Decode lossless JPEG. GDCM only prints a message if the stream is damaged."""
    rebuilt = rebuild_lossless_jpeg(stream, instance.layout)
    samples, messages = capture_codec_warnings(
        lambda: _decode(rebuilt, instance, JPEG_LOSSLESS, "gdcm")
    )
    if messages:
        raise InvalidImageError(DAMAGED)
    return samples


def _read_native(instance: DicomInstance, number: int) -> Samples:
    """Return uncompressed samples, without a copy if possible, (H, W) or (H, W, 3)."""
    layout, pixel_data = instance.layout, instance.pixel_data
    little = instance.dataset.original_encoding[1] is not False
    start, end = pixel_data.native_frame(number, layout.frame_bytes)
    buffer = memoryview(instance.data)[start:end]
    if layout.bits_allocated == 16:
        words = np.frombuffer(buffer, "<u2" if little else ">u2")
        samples: Samples = words.astype(np.uint16, copy=False)
    elif not little and pixel_data.vr == "OW":
        samples = _swap_bytes(instance, start, end)
    else:
        samples = np.frombuffer(buffer, np.uint8)
    rows, columns = layout.rows, layout.columns
    if layout.photometric == "YBR_FULL_422":
        return _unpack_422(samples.reshape(rows, columns // 2, 4))
    if layout.samples == 1:
        return samples.reshape(rows, columns)
    if layout.is_planar:
        planes: Samples = samples.reshape(3, rows, columns)
        return np.moveaxis(planes, 0, 2)
    return samples.reshape(rows, columns, 3)


def _swap_bytes(instance: DicomInstance, start: int, end: int) -> Samples:
    """Return 8-bit samples of big-endian words. A frame may begin at a word's second byte."""
    first = instance.pixel_data.start
    words_start = first + (start - first) // 2 * 2
    words_end = min(len(instance.data), words_start + -(-(end - words_start) // 2) * 2)
    words = np.frombuffer(memoryview(instance.data)[words_start:words_end], ">u2")
    return words.astype("<u2").view(np.uint8)[start - words_start :][: end - start]


def _unpack_422(pairs: Samples) -> Samples:
    """Return (H, W, 3) samples from (H, W / 2, 4): two luminances, then two colour differences."""
    rows, half, _ = pairs.shape
    full = np.empty((rows, half, 2, 3), pairs.dtype)
    full[..., 0] = pairs[..., :2]
    full[..., 1] = pairs[..., 2:3]
    full[..., 2] = pairs[..., 3:4]
    return full.reshape(rows, 2 * half, 3)


def _decode(stream: bytes, instance: DicomInstance, syntax: str, plugin: str) -> Samples:
    """Decode a stream with one of pydicom's decoders to (H, W) or (H, W, 3) samples."""
    layout = instance.layout
    decode: Callable[..., tuple[Samples, object]] = get_decoder(syntax).as_array
    try:
        samples, _ = decode(
            encapsulate([stream], has_bot=False),
            index=0,
            raw=True,
            decoding_plugin=plugin,
            rows=layout.rows,
            columns=layout.columns,
            number_of_frames=1,
            samples_per_pixel=layout.samples,
            photometric_interpretation="RGB" if layout.samples == 3 else "MONOCHROME2",
            bits_allocated=layout.bits_allocated,
            bits_stored=layout.bits_stored,
            pixel_representation=0,
            planar_configuration=0,
            pixel_keyword="PixelData",
        )
    except MemoryError:
        raise
    except Exception as error:  # the codecs raise various exceptions for damaged streams
        raise InvalidImageError(DAMAGED) from error
    shape = (layout.rows, layout.columns) + (3,) * (layout.samples == 3)
    is_wider = samples.dtype == np.uint16 and layout.bits_allocated == 8
    if samples.shape != shape or samples.dtype not in (np.uint8, np.uint16) or is_wider:
        raise InvalidImageError(DAMAGED)
    return samples
