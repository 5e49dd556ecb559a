"""Preparation of msgspec's decoding for several threads."""

from typing import Any

import msgspec


def prepare_decoding(*kinds: Any) -> None:  # noqa: ANN401 - also unions
    """Build msgspec's information about types that several threads decode.

    By default, msgspec builds this information when a type is first decoded.
    If another thread decodes the same type at this moment, the process ends with a segmentation
    fault (msgspec 0.22). Modules call this function when they are imported.

    Args:
        kinds: types to decode. Types of their fields are included.
    """
    for kind in kinds:
        msgspec.json.Decoder(kind)
