"""Encoding of DICOM results."""

import io
from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.uid import UID

from edgeseg.dicom.private_text import insert_checksum, private_information


def encode_dicom(dataset: Dataset, texts: Mapping[str, str]) -> bytes:
    """Encode a DICOM object.

    Args:
        dataset: object with its file meta information.
        texts: key and value of each text to store in the file meta information.
    """
    creator, value = private_information(texts)
    dataset.file_meta.PrivateInformationCreatorUID = UID(creator)
    dataset.file_meta.PrivateInformation = value
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return insert_checksum(stream.getvalue())
