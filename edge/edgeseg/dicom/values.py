"""Reading of data elements without validation, because cameras write many invalid values."""

import math

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

_TEXT_VRS = frozenset({"IS", "DS", "LO", "SH", "ST", "LT", "CS", "UT"})


def read_text(dataset: Dataset, keyword: str) -> str:
    """Return the value of a text element, or "" if it is missing or damaged.

    Args:
        dataset: data set.
        keyword: keyword of the element, such as `PhotometricInterpretation`.
    """
    element = _element(dataset, keyword)
    value = None if element is None else element.value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif isinstance(value, MultiValue):
        value = "\\".join(map(str, value))
    return "" if value is None else str(value).strip(" \0")


def read_integer(dataset: Dataset, keyword: str) -> int | None:
    """Return an integer that is stored as binary or text, or None if it is missing or invalid."""
    element = _element(dataset, keyword)
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        is_text = element.VR in _TEXT_VRS or dictionary_VR(keyword) in _TEXT_VRS
        if not is_text and len(element.value) in {2, 4}:
            return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    numbers = read_numbers(dataset, keyword)
    return int(numbers[0]) if numbers and numbers[0].is_integer() else None


def read_numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the finite numbers of a text element, or () if a value is not a number."""
    numbers: list[float] = []
    for word in read_text(dataset, keyword).split("\\"):
        try:
            number = float(word.replace(",", "."))
        except ValueError:
            return ()
        if not math.isfinite(number):
            return ()
        numbers.append(number)
    return tuple(numbers)


def read_items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """Return the items of a sequence, or () if it is missing or damaged."""
    try:
        value = dataset[keyword].value if keyword in dataset else ()
        return tuple(item for item in value or () if isinstance(item, Dataset))
    except Exception:  # pydicom raises various exceptions for damaged elements
        return ()


def _element(dataset: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    tag = Tag(keyword)
    try:
        element = dataset.get_item(tag) if tag in dataset else None
    except Exception:  # pydicom raises various exceptions for damaged elements
        return None
    return element if isinstance(element, (DataElement, RawDataElement)) else None
