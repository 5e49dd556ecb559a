"""What a model file says of itself: its `metadata_props`, under `edgeseg.*`.

They are read without ONNX Runtime, by walking the file's outermost protobuf fields and jumping over the graph:
choosing among a model's precisions must not cost a session each.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast, get_args

from edgeseg.errors import ModelError
from edgeseg.preprocess import Preprocessing

Precision: TypeAlias = Literal["fp32", "fp16", "fp16w", "int8"]

FORMAT = 1
PREFIX = "edgeseg."
_METADATA_PROPS = 14  # field number in onnx.proto's ModelProto
_LARGEST_ENTRY = 1 << 24


@dataclass(frozen=True)
class Licence:
    """A data set that the weights carry."""

    name: str
    photographs: int
    licence: str


@dataclass(frozen=True)
class ModelCard:
    """What a model is, how to feed it, and what is known of it.

    Attributes:
        name: of the model (`default`, ...).
        architecture: member of the family, or where a third party's network came from.
        parameters: of the network.
        gmac: multiply-accumulates for one photograph in thousand millions; None at a dynamic size.
        precision: fp32, fp16, fp16w or int8.
        compute: data type that the convolutions compute in where the device can.
        preprocessing: how a photograph becomes its input.
        threshold: probability from which a pixel is vessel.
        training_data: with licences.
        evidence: Dice per data set, with the split and the protocol in the key.
        checkpoint_sha256: of the checkpoint file; equal for a model's precisions.
    """

    name: str
    architecture: str
    parameters: int
    gmac: float | None
    precision: Precision
    compute: str
    preprocessing: Preprocessing
    threshold: float
    training_data: tuple[Licence, ...]
    evidence: Mapping[str, float] = field(default_factory=dict)
    checkpoint_sha256: str = ""

    def to_metadata(self) -> dict[str, str]:
        """`edgeseg.*` entries: text as it is, everything else as JSON."""
        plain = asdict(self) | {"preprocessing": self.preprocessing.to_dict(), "format": FORMAT}
        return {
            PREFIX + key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for key, value in plain.items()
        }

    @classmethod
    def from_metadata(cls, entries: Mapping[str, str], file: str) -> ModelCard:
        """The card in a model file's metadata.

        Raises:
            ModelError: it lacks the entries, or they make no sense; the message names `file`.
        """
        if PREFIX + "format" not in entries:
            raise ModelError(f"{file}: does not say how to feed it (no edgeseg.* metadata); make it with `edgeseg convert`")
        if entries[PREFIX + "format"] != str(FORMAT):
            found = entries[PREFIX + "format"]
            raise ModelError(f"{file}: metadata format {found!r}, this edgeseg reads {FORMAT}; convert it again")
        try:
            return cls._parsed({key.removeprefix(PREFIX): value for key, value in entries.items()})
        except KeyError as error:
            raise ModelError(f"{file}: its metadata lacks {error}; convert it again") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{file}: its metadata makes no sense ({error}); convert it again") from error
        except ModelError as error:
            raise ModelError(f"{file}: {error}") from error

    @classmethod
    def _parsed(cls, entries: Mapping[str, str]) -> ModelCard:
        precision, threshold = entries["precision"], float(entries["threshold"])
        if precision not in get_args(Precision):
            raise ValueError(f"precision {precision!r}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold {threshold}")
        gmac = json.loads(entries["gmac"])
        return cls(
            name=entries["name"],
            architecture=entries["architecture"],
            parameters=int(entries["parameters"]),
            gmac=None if gmac is None else float(gmac),
            precision=cast("Precision", precision),
            compute=entries["compute"],
            preprocessing=Preprocessing.from_dict(json.loads(entries["preprocessing"])),
            threshold=threshold,
            training_data=tuple(
                Licence(str(d["name"]), int(d["photographs"]), str(d["licence"]))
                for d in json.loads(entries["training_data"])
            ),
            evidence={str(k): float(v) for k, v in json.loads(entries["evidence"]).items()},
            checkpoint_sha256=entries["checkpoint_sha256"],
        )


def read_card(file: Path) -> ModelCard:
    """The card of a model file.

    Raises:
        ModelError: the file is missing, is no ONNX file, or lacks the card.
    """
    if not file.is_file():
        raise ModelError(f"{file}: there is no such model file")
    try:
        with file.open("rb") as stream:
            entries = dict(_metadata(stream))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read as an ONNX model ({error})") from error
    return ModelCard.from_metadata(entries, str(file))


def _metadata(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    for number, payload in _fields(stream, wanted=_METADATA_PROPS):
        if number == _METADATA_PROPS:
            yield _entry(payload)


def _entry(payload: bytes) -> tuple[str, str]:
    """A StringStringEntryProto: key is field 1, value is field 2."""
    parts = {number: text.decode() for number, text in _fields(io.BytesIO(payload), wanted=None)}
    return parts.get(1, ""), parts.get(2, "")


def _fields(stream: BinaryIO, wanted: int | None) -> Iterator[tuple[int, bytes]]:
    """Length-delimited fields of one protobuf message; only the wanted ones (None: all) are read into memory."""
    while (tag := _varint(stream)) is not None:
        number, kind = tag >> 3, tag & 7
        length = {0: None, 1: 8, 5: 4}.get(kind, -1)
        if length is None:
            _varint(stream)
            continue
        if kind == 2:
            length = _varint(stream)
        if length is None or length < 0:
            raise ValueError("not a protobuf message")
        if wanted in (None, number) and kind == 2:
            if length > _LARGEST_ENTRY:
                raise ValueError("a metadata entry of over 16 MiB")
            payload = stream.read(length)
            if len(payload) != length:
                raise ValueError("cut short")
            yield number, payload
        else:
            stream.seek(length, 1)


def _varint(stream: BinaryIO) -> int | None:
    """Base-128 number; None at the end of the stream."""
    value = 0
    for shift in range(0, 64, 7):
        byte = stream.read(1)
        if not byte:
            if shift:
                raise ValueError("cut short")
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("not a protobuf message")
