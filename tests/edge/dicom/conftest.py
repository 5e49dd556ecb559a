"""DICOM files made from synthetic photographs."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg.imaging.arrays import Photo
from edgeseg.synthetic import SyntheticPhoto, generate_photo

pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")

EXPLICIT = "1.2.840.10008.1.2.1"
OPHTHALMIC_8 = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
OPHTHALMIC_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ROOT_UID = "1.2.826.0.1.3680043.8.498"

DicomMaker = Callable[..., bytes]
Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def build_dicom(
    samples: Samples,
    photometric: str = "RGB",
    syntax: str = EXPLICIT,
    sop_class: str = OPHTHALMIC_8,
    preamble: bool = True,
    pixel_data: bytes | None = None,
    **elements: object,
) -> bytes:
    """Return a DICOM file with the given samples.

    Args:
        samples: (H, W), (H, W, 3), or (N, H, W, 3) for a file with N frames.
        photometric: photometric interpretation.
        syntax: transfer syntax. Samples are stored unchanged unless `pixel_data` is given.
        sop_class: UID of the SOP class.
        preamble: whether the file has the preamble and the file meta information.
        pixel_data: value of Pixel Data, encapsulated if the syntax is compressed.
        elements: additional elements. None removes an element.
    """
    from pydicom.dataset import Dataset, FileMetaDataset

    dataset, meta = Dataset(), FileMetaDataset()
    dataset.file_meta = meta
    uid = f"{ROOT_UID}.5"
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    meta.MediaStorageSOPClassUID = pydicom.uid.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(uid)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.StudyInstanceUID = f"{ROOT_UID}.1"
    dataset.SeriesInstanceUID = f"{ROOT_UID}.2"
    dataset.PatientID, dataset.PatientName = "P1", "Doe^Jane"
    dataset.Modality, dataset.InstanceNumber = "OP", 7
    colours = 3 if samples.shape[-1] == 3 else 1
    if samples.ndim == 4:
        dataset.NumberOfFrames = len(samples)
    size = samples.shape[-3:-1] if colours == 3 else samples.shape[-2:]
    dataset.Rows, dataset.Columns = size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = colours, photometric
    if colours == 3:
        dataset.PlanarConfiguration = 0
    bits = samples.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    is_little = syntax != pydicom.uid.ExplicitVRBigEndian
    stored = samples.astype(samples.dtype.newbyteorder("<" if is_little else ">"))
    value = stored.tobytes() if pixel_data is None else pixel_data
    dataset.PixelData = value + b"\0" * (len(value) % 2)
    dataset["PixelData"].VR = "OW" if bits == 16 else "OB"
    for keyword, element in elements.items():
        if element is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, element)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    data = stream.getvalue()
    if preamble:
        return data
    (length,) = np.frombuffer(data[140:144], "<u4")
    return data[144 + int(length) :]


def compress_dicom(data: bytes, syntax: str) -> bytes:
    """Return a DICOM file that a codec of pydicom has compressed without loss."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    # GDCM ends the process if the length of RLE pixels is odd.
    plugin = "pydicom" if syntax == pydicom.uid.RLELossless else ""
    dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def compress_by_gdcm(folder: Path, data: bytes) -> bytes:
    """Return a DICOM file compressed to lossless JPEG."""
    gdcm = pytest.importorskip("gdcm")
    original, compressed = folder / "original.dcm", folder / "compressed.dcm"
    original.write_bytes(data)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(original))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(compressed))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return compressed.read_bytes()


def run_dcmtk_program(folder: Path, tool: str, data: bytes, *arguments: str) -> bytes:
    """Return the output file of a DCMTK program. Skip the test if the program is not installed."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} (Debian's dcmtk) is not installed")
    original, result = folder / "original.dcm", folder / "result"
    original.write_bytes(data)
    command = [tool, *arguments, str(original), str(result)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return result.read_bytes()


@pytest.fixture(scope="session")
def photo() -> Photo:
    """A synthetic photograph, (200, 200, 3)."""
    return generate_photo(3, 200).photo


@pytest.fixture(scope="session")
def make_dicom() -> DicomMaker:
    """Function `build_dicom`, which returns a DICOM file."""
    return build_dicom


@pytest.fixture(scope="session")
def compress() -> Callable[[bytes, str], bytes]:
    """Function that compresses a DICOM file without loss."""
    return compress_dicom


@pytest.fixture
def compress_with_gdcm(tmp_path: Path) -> Callable[[bytes], bytes]:
    """Function that compresses a DICOM file to lossless JPEG."""
    return partial(compress_by_gdcm, tmp_path)


@pytest.fixture
def run_dcmtk(tmp_path: Path) -> Callable[..., bytes]:
    """Function that runs a DCMTK program: name, input bytes and options to output bytes."""
    return partial(run_dcmtk_program, tmp_path)


@pytest.fixture(scope="session")
def eye() -> SyntheticPhoto:
    """Synthetic photograph of 300 pixels with its vessels."""
    return generate_photo(1, 300)
