"""DICOM files of several transfer syntaxes, read by the sources of `run`."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from edgeseg.imaging.photo import decode_photo
from edgeseg.run.frame import Frame
from edgeseg.run.sources.pages import split_pages
from fuzz.reader import Outcome, Reader
from fuzz.readers.images import compare_images
from fuzz.sample_images import FILES, make_image

_ROOT_UID = "1.2.826.0.1.3680043.8.498"
_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
_NATIVE, _JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
_COMPRESSED = {
    "DICOM, RLE": "1.2.840.10008.1.2.5",
    "DICOM, JPEG-LS": "1.2.840.10008.1.2.4.80",
    "DICOM, JPEG 2000": "1.2.840.10008.1.2.4.90",
}


def _make_dicom(syntax: str) -> bytes:
    import pydicom  # noqa: PLC0415
    from pydicom.dataset import FileMetaDataset  # noqa: PLC0415
    from pydicom.encaps import encapsulate  # noqa: PLC0415

    dataset = pydicom.Dataset()
    dataset.file_meta = meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.UID(_JPEG if syntax == _JPEG else _NATIVE)
    meta.MediaStorageSOPClassUID = pydicom.uid.UID(_SOP_CLASS)
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(f"{_ROOT_UID}.5")
    dataset.SOPClassUID = _SOP_CLASS
    dataset.SOPInstanceUID = f"{_ROOT_UID}.5"
    dataset.StudyInstanceUID = f"{_ROOT_UID}.1"
    dataset.SeriesInstanceUID = f"{_ROOT_UID}.2"
    dataset.PatientID = "P1"
    dataset.PatientName = "Doe^Jane"
    dataset.Modality = "OP"
    dataset.ImageLaterality = "R"
    dataset.PixelSpacing = [0.01, 0.01]
    image = make_image()
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = image.shape
    dataset.PhotometricInterpretation = "YBR_FULL_422" if syntax == _JPEG else "RGB"
    dataset.PlanarConfiguration, dataset.PixelRepresentation = 0, 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = encapsulate([FILES["JPEG"]()]) if syntax == _JPEG else image.tobytes()
    dataset["PixelData"].VR = "OB"
    if syntax not in {_NATIVE, _JPEG}:
        # GDCM ends the process if the length of RLE pixels is odd.
        plugin = "pydicom" if syntax == _COMPRESSED["DICOM, RLE"] else ""
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _make_lossless_jpeg() -> bytes:
    import gdcm  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.dcm"
        path.write_bytes(_make_dicom(_NATIVE))
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        assert reader.Read()
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return path.read_bytes()


def _read(data: bytes, _folder: Path) -> object:
    images, descriptions = [], []
    for frame in split_pages(Frame("photograph.dcm", "photograph", lambda: data)):
        payload = frame.load()
        assert isinstance(payload, bytes)
        if frame.dicom is None:
            images.append(decode_photo(payload, frame.name))
        else:
            images.append(frame.dicom.decode(frame.name))
        descriptions.append((frame.eye, frame.spacing))
    return tuple(images), descriptions


def compare_frames(value: object, expected: object) -> Outcome:
    """Compare the pixels, the eye and the pixel size.

    A different eye or pixel size is `visible`.
    """
    assert isinstance(value, tuple) and isinstance(expected, tuple)
    if value[1] != expected[1]:
        return "visible"
    return compare_images(value[0], expected[0])


def _lossless_jpeg_reader(name: str) -> Reader:
    return Reader(name, _make_lossless_jpeg(), _read, compare=compare_frames)


def _dicom_reader(name: str, syntax: str) -> Reader:
    return Reader(name, _make_dicom(syntax), _read, compare=compare_frames)


def _header_reader(name: str) -> Reader:
    """Return a reader of DICOM files in which only the elements before the pixels are mutated."""
    data = _make_dicom(_NATIVE)
    end = len(data) - make_image().nbytes
    return Reader(name, data[:end], _read, lambda head: head + data[end:], compare=compare_frames)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "DICOM, native": partial(_dicom_reader, syntax=_NATIVE),
    "DICOM, JPEG": partial(_dicom_reader, syntax=_JPEG),
    **{name: partial(_dicom_reader, syntax=syntax) for name, syntax in _COMPRESSED.items()},
    "DICOM, lossless JPEG": _lossless_jpeg_reader,
    "DICOM, elements": _header_reader,
}
