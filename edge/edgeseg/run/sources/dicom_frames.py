"""Frames of a DICOM file with their metadata."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NoReturn

from edgeseg.errors import InvalidImageError, PhotoError, missing_dicom
from edgeseg.imaging.size_limits import required_bytes
from edgeseg.run.frame import Frame, Payload, SingleUsePayload


def split_dicom(frame: Frame, data: bytes) -> Iterator[Frame]:
    """Yield a `Frame` for each image of a DICOM file.

    An eye or a pixel size that the frame already has, for example from a manifest, is not replaced.

    Args:
        frame: frame that represents the whole file.
        data: bytes of the file.
    """
    try:
        from edgeseg.dicom.frame import DicomFrame  # noqa: PLC0415 - requires the extra
        from edgeseg.dicom.instance import read_instance  # noqa: PLC0415
        from edgeseg.dicom.metadata import read_eye, read_spacing  # noqa: PLC0415
    except ModuleNotFoundError:
        yield failed_frame(frame, missing_dicom())
        return
    try:
        instance = read_instance(data)
    except InvalidImageError as error:
        yield failed_frame(frame, error)
        return
    except MemoryError:
        message = "not enough free memory. Free some memory."
        yield failed_frame(frame, InvalidImageError(message, "too_large"))
        return
    load: Callable[[], Payload] = partial(bytes, data)
    if instance.layout.frames == 1:
        load = SingleUsePayload(data).take
    required = required_bytes(instance.header, len(instance.data))
    del data
    for number in range(1, instance.layout.frames + 1):
        dicom = DicomFrame(instance, number)
        described = replace(frame, load=load, dicom=dicom, required_bytes=required)
        if frame.spacing is None:
            described = replace(described, spacing=read_spacing(dicom))
        eye = read_eye(dicom)
        if frame.eye is None and eye is not None:
            described = replace(described, eye=eye, eye_source="dicom")
        if instance.layout.frames > 1:
            stem = frame.stem if number == 1 else f"{frame.stem}_p{number:04}"
            described = replace(described, stem=stem, page=number)
        yield described


def raise_error(error: PhotoError) -> NoReturn:
    """Raise an error. A frame that cannot be read has this function as its `load`."""
    raise error


def failed_frame(frame: Frame, error: InvalidImageError) -> Frame:
    """Return a frame that raises an error when it is loaded."""
    named = PhotoError(f"{frame.name}: {error}", error.code)
    return replace(frame, load=partial(raise_error, named))
