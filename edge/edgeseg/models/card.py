"""Model card: metadata of a model file, stored in `metadata_props` under `edgeseg.*`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from edgeseg.errors import ModelError, one_line
from edgeseg.models.onnx_metadata import read_metadata
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.system.decoding import prepare_decoding
from edgeseg.system.regular_files import open_regular_file

Precision: TypeAlias = Literal["fp32", "fp16", "fp16w", "int8"]

T = TypeVar("T")

FORMAT = 1
PREFIX = "edgeseg."
# Entries that only files of third-party networks contain.
OPTIONAL_TEXTS = ("output", "input_channels")
_MAX_TEXT_LENGTH = 1000


class Licence(msgspec.Struct, frozen=True):
    """Data set used for training, with its licence.

    Attributes:
        name: name of the data set.
        photographs: number of photographs used for training.
        licence: licence of the data set.
    """

    name: str
    photographs: int
    licence: str


class ModelCard(NamedTuple):
    """Description of a model: identity, input, training data and measured accuracy.

    Attributes:
        name: name of the model (`default`, ...).
        architecture: name of the architecture, or the source of a third-party network.
        parameters: number of weights.
        gmac: GMACs per image; None if the input size is dynamic.
        precision: fp32, fp16, fp16w or int8.
        compute: data type of the convolutions on devices that support it.
        preprocessing: preprocessing from photograph to network input.
        threshold: vessel probability threshold, 0 to 1.
        training_data: data sets used for training, with licences.
        evidence: mean Dice. The key is `DATASET/SPLIT/PROTOCOL`.
        checkpoint_sha256: SHA-256 of the checkpoint file; equal for all precisions of a model.
        output: vessel output of a third-party network, `OUTPUT:KIND[:CHANNEL]`; empty for a
            network of `edgeseg train`.
        input_channels: input channels of a third-party network (`rgb`, `bgr`, `green`, `grey`);
            empty for a network of `edgeseg train`.
        int8_slower: whether `edgeseg convert` measured that this INT8 file is slower than FP32;
            stored only if True.
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
    output: str = ""
    input_channels: str = ""
    int8_slower: bool = False

    def is_same_model(self, other: ModelCard) -> bool:
        """Return whether two files contain the same model in different precisions.

        The checkpoint alone is not sufficient, because it can be converted with different working
        sizes and may contain several networks. The architecture may be `file.py:factory`. The
        folder of this file is not compared.
        """
        return self._model_key() == other._model_key()

    def model_sha256(self) -> str:
        """Return the SHA-256 of the values that `is_same_model` compares, hexadecimal."""
        return hashlib.sha256(repr(self._model_key()).encode()).hexdigest()

    def _model_key(self) -> tuple[object, ...]:
        module, _, factory = self.architecture.partition(":")
        architecture = (PurePath(module).name, factory)
        source = (self.checkpoint_sha256, architecture, self.input_channels, self.output)
        return (*source, self.preprocessing, self.threshold)

    def to_metadata(self) -> dict[str, str]:
        """Return the card as `edgeseg.*` entries: text unchanged, other values encoded as JSON.

        The entries are written by `json.dumps`, so that repeated conversions give identical files.
        """
        entries = {}
        for key, value in (self.to_dict() | {"format": FORMAT}).items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            entries[PREFIX + key] = text
        return entries

    def to_dict(self) -> dict[str, object]:
        """Return the card as plain values for JSON."""
        values = self._asdict() | {
            "preprocessing": self.preprocessing.to_dict(),
            "training_data": msgspec.to_builtins(self.training_data),
            "evidence": dict(self.evidence),
        }
        for key in OPTIONAL_TEXTS:
            if not values[key]:
                del values[key]
        if not self.int8_slower:
            del values["int8_slower"]
        return values

    @classmethod
    def from_metadata(cls, entries: Mapping[str, str], file: str) -> ModelCard:
        """Parse the untrusted metadata of a model file.

        Args:
            entries: metadata. Keys without the prefix `edgeseg.` are ignored.
            file: name of the file for error messages.

        Raises:
            ModelError: An entry is missing or invalid.
        """
        if entries.get(PREFIX + "format") != str(FORMAT):
            raise ModelError(
                f"{file}: edgeseg.* metadata is missing or has an unsupported format "
                f"(supported: {FORMAT}). Create the file with `edgeseg convert`."
            )
        try:
            return _parse_card(entries)
        except KeyError as error:
            raise ModelError(
                f"{file}: metadata entry {error} is missing. Convert the model again."
            ) from error
        except (ValueError, RecursionError, ModelError) as error:
            raise ModelError(
                f"{file}: invalid metadata: {one_line(error)}. Convert the model again."
            ) from error


def _parse_card(entries: Mapping[str, str]) -> ModelCard:
    gmac = None if entries[PREFIX + "gmac"] == "null" else _decode_entry(entries, "gmac", float)
    preprocessing = _decode_entry(entries, "preprocessing", dict[str, object])
    card = ModelCard(
        name=entries[PREFIX + "name"],
        architecture=entries[PREFIX + "architecture"],
        parameters=_decode_entry(entries, "parameters", int),
        gmac=gmac,
        precision=msgspec.convert(entries[PREFIX + "precision"], Precision),
        compute=entries[PREFIX + "compute"],
        preprocessing=PreprocessingConfig.from_dict(preprocessing),
        threshold=_decode_entry(entries, "threshold", float),
        training_data=_decode_entry(entries, "training_data", tuple[Licence, ...]),
        evidence=_decode_entry(entries, "evidence", dict[str, float]),
        checkpoint_sha256=entries[PREFIX + "checkpoint_sha256"],
        output=entries.get(f"{PREFIX}output", ""),
        input_channels=entries.get(f"{PREFIX}input_channels", ""),
        int8_slower=msgspec.json.decode(entries.get(PREFIX + "int8_slower", "false"), type=bool),
    )
    _check_card(card)
    return card


def _decode_entry(entries: Mapping[str, str], key: str, kind: type[T]) -> T:
    text = entries[PREFIX + key]
    try:
        return msgspec.json.decode(text, type=kind)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _check_card(card: ModelCard) -> None:
    """Check that the threshold is between 0 and 1 and that texts are safe for a terminal."""
    if not 0 <= card.threshold <= 1:
        raise ValueError(f"threshold: {card.threshold} is not between 0 and 1")
    texts = [card.name, card.architecture, card.compute, card.checkpoint_sha256, *card.evidence]
    texts += [card.output, card.input_channels]
    for data in card.training_data:
        texts += [data.name, data.licence]
    for text in texts:
        if not text.isprintable() or len(text) > _MAX_TEXT_LENGTH:
            raise ValueError(f"text is too long or not a single line: {text[:60]!r}")


def read_card(file: Path) -> ModelCard:
    """Read the card of a model file.

    Raises:
        ModelError: The file is missing, not an ONNX file, or its metadata is missing or invalid.
    """
    with model_read_errors(file), open_regular_file(file) as stream:
        entries = read_metadata(stream)
    return ModelCard.from_metadata(entries, str(file))


@contextmanager
def model_read_errors(file: Path) -> Iterator[None]:
    """Raise a ModelError with the file name and a remedy if the file cannot be read.

    Raises:
        ModelError: An OSError or ValueError was raised.
    """
    try:
        yield
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}). Check the path.") from error
    except ValueError as error:
        raise ModelError(
            f"{file}: not an ONNX file ({error}). Create a model file with `edgeseg convert`."
        ) from error


prepare_decoding(Licence)
