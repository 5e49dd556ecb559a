"""What a model file says of itself: its `metadata_props`, under `edgeseg.*`.

They are read without ONNX Runtime, by walking the file's outermost protobuf fields and jumping over the graph:
choosing among a model's precisions must not cost a session each.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, TypeAlias, cast, get_args

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import PreprocessingConfig

Precision: TypeAlias = Literal["fp32", "fp16", "fp16w", "int8"]

FORMAT = 1
PREFIX = "edgeseg."
_METADATA_PROPS = 14  # field number in onnx.proto's ModelProto
_VARINT, _DELIMITED, _FIXED = (
    0,
    2,
    {1: 8, 5: 4},
)  # protobuf's wire types; the bytes of those of fixed length

# A card takes some kilobytes. Files are untrusted: a made-up one costs no more time and memory than these allow.
_LARGEST_METADATA = 1 << 20
_MOST_FIELDS = 10_000
_LONGEST_TEXT = 1000


class Licence(NamedTuple):
    """A data set that the weights carry."""

    name: str
    photographs: int
    licence: str


class ModelCard(NamedTuple):
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
    preprocessing: PreprocessingConfig
    threshold: float
    training_data: tuple[Licence, ...]
    evidence: Mapping[str, float] = {}
    checkpoint_sha256: str = ""

    def to_metadata(self) -> dict[str, str]:
        """`edgeseg.*` entries: text as it is, everything else as JSON."""
        return {
            PREFIX + key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for key, value in (self.to_dict() | {"format": FORMAT}).items()
        }

    def to_dict(self) -> dict[str, object]:
        """Plain values."""
        return self._asdict() | {
            "preprocessing": self.preprocessing.to_dict(),
            "training_data": [licence._asdict() for licence in self.training_data],
            "evidence": dict(self.evidence),
        }

    @classmethod
    def from_metadata(cls, entries: Mapping[str, str], file: str) -> ModelCard:
        """The card in a model file's metadata.

        Raises:
            ModelError: it lacks the entries, or they make no sense; the message names `file`.
        """
        if PREFIX + "format" not in entries:
            raise ModelError(
                f"{file}: lacks edgeseg.* metadata on how to feed it; make it with `edgeseg convert`"
            )
        if entries[PREFIX + "format"] != str(FORMAT):
            found = entries[PREFIX + "format"][:20]
            raise ModelError(
                f"{file}: metadata format {found!r}, this edgeseg reads {FORMAT}; convert it again"
            )
        try:
            ours = {
                key.removeprefix(PREFIX): value
                for key, value in entries.items()
                if key.startswith(PREFIX)
            }
            return cls._parsed(ours)
        except KeyError as error:
            raise ModelError(f"{file}: its metadata lacks {error}; convert it again") from error
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            reason = str(error)[:200]
            raise ModelError(
                f"{file}: its metadata makes no sense ({reason}); convert it again"
            ) from error
        except ModelError as error:
            raise ModelError(f"{file}: {str(error)[:200]}") from error

    @classmethod
    def _parsed(cls, entries: Mapping[str, str]) -> ModelCard:
        precision, threshold = entries["precision"], float(entries["threshold"])
        if precision not in get_args(Precision):
            raise ValueError(f"precision {precision!r}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold {threshold}")
        gmac = json.loads(entries["gmac"])
        return cls(
            name=_text(entries["name"]),
            architecture=_text(entries["architecture"]),
            parameters=int(entries["parameters"]),
            gmac=None if gmac is None else _finite(gmac),
            precision=cast("Precision", precision),
            compute=_text(entries["compute"]),
            preprocessing=PreprocessingConfig.from_dict(json.loads(entries["preprocessing"])),
            threshold=threshold,
            training_data=tuple(
                Licence(_text(d["name"]), int(d["photographs"]), _text(d["licence"]))
                for d in json.loads(entries["training_data"])
            ),
            evidence={_text(k): _finite(v) for k, v in json.loads(entries["evidence"]).items()},
            checkpoint_sha256=_text(entries["checkpoint_sha256"]),
        )


def _text(value: object) -> str:
    """Text that a terminal can be given: no control characters, no lone surrogates."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_TEXT:
        raise ValueError(f"not a line of text: {value!r}")
    return value


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"not a number: {value!r}")
    return float(value)


def read_card(file: Path) -> ModelCard:
    """The card of a model file.

    Raises:
        ModelError: the file is missing, is no ONNX file, or lacks the card.
    """
    try:
        if not file.is_file():
            raise ModelError(f"{file}: there is no such model file")
        with file.open("rb") as stream:
            entries = dict(_metadata(stream))
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ModelError(
            f"{file}: is no ONNX model ({error}); make it with `edgeseg convert`"
        ) from error
    return ModelCard.from_metadata(entries, str(file))


def _metadata(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    left = _LARGEST_METADATA
    for _, payload in _fields(stream, {_METADATA_PROPS}):
        left -= len(payload)
        if left < 0:
            raise ValueError(f"over {_LARGEST_METADATA >> 20} MiB of metadata")
        yield _entry(payload)


def _entry(payload: bytes) -> tuple[str, str]:
    """A StringStringEntryProto: key is field 1, value is field 2."""
    parts = {number: text.decode() for number, text in _fields(io.BytesIO(payload), {1, 2})}
    return parts.get(1, ""), parts.get(2, "")


def _fields(stream: BinaryIO, wanted: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of one protobuf message that are wanted; the others are jumped over unread."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    for _ in range(_MOST_FIELDS):
        tag = _varint(stream)
        if tag is None:
            return
        number, kind = tag >> 3, tag & 7
        length = _length(stream, kind)
        if length > end - stream.tell():
            raise ValueError("cut short")
        if kind != _DELIMITED or number not in wanted:
            stream.seek(length, os.SEEK_CUR)
        elif length > _LARGEST_METADATA:
            raise ValueError(f"over {_LARGEST_METADATA >> 20} MiB of metadata")
        else:
            yield number, stream.read(length)
    raise ValueError("not the fields of an ONNX model")


def _length(stream: BinaryIO, kind: int) -> int:
    """Bytes of a field of this wire type from where the stream is; a varint's are read."""
    if kind in _FIXED:
        return _FIXED[kind]
    value = _varint(stream) if kind in (_VARINT, _DELIMITED) else None
    if value is None:
        raise ValueError("not a protobuf message")
    return value if kind == _DELIMITED else 0


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
