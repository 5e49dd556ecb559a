"""Create metadata, serialize model files, and copy them to the output folder."""

import errno
import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import onnx

from edgeseg.errors import ModelError, UsageError
from edgeseg.models.card import Licence, ModelCard, Precision, read_card
from edgeseg.models.catalog import strip_precision
from edgeseg.models.checksum import append_checksum
from edgeseg.system.files import commit, temporary_beside, write_errors_named
from edgeseg_export.source import SourceNetwork
from edgeseg_train.checkpoint import WorkingSize
from edgeseg_train.network.resunet import count_parameters

# Data type of a file's convolutions on a device that supports it.
COMPUTE: dict[Precision, str] = {
    "fp32": "float32",
    "fp16": "float16",
    "fp16w": "float32",
    "int8": "int8",
}

# Maximum length of a model name. A file name has at most 255 bytes, including a suffix such as
# `-detail.fp16w.onnx`.
MAX_NAME_BYTES = 200


def check_model_name(name: str) -> str:
    """Check and return the model name, which must be a valid beginning of a file name.

    Raises:
        UsageError: The name is invalid or too long.
    """
    if name in ("", "..") or Path(name).name != name or not name.isprintable():
        raise UsageError(f"{name!r}: not a valid model name. Give another name with --name.")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise UsageError(f"{name[:60]}...: the model name is too long. Give a shorter --name.")
    return name


def make_card(
    source: SourceNetwork,
    size: WorkingSize,
    name: str,
    checkpoint_sha256: str,
    precision: Precision = "fp32",
    dynamic: bool = False,
) -> ModelCard:
    """Build the metadata of one file. The results of the file's checks are not included.

    The validation Dice of the training was measured in FP32 and is not included for other
    precisions.

    Args:
        source: network and its checkpoint's metadata.
        size: working size of the file.
        name: model name.
        checkpoint_sha256: SHA-256 of the checkpoint file, hexadecimal.
        precision: precision of the file.
        dynamic: whether height and width are dynamic. If they are, the GMACs are unknown.
    """
    licences = [Licence(d.name, d.photographs, d.licence) for d in source.training_data]
    dice = source.evidence.get(size.name, {}) if precision == "fp32" else {}
    evidence = {
        f"{data}/validation/native": round(value, 4)
        for data, value in dice.items()
        if data != "mean"
    }
    return ModelCard(
        name=name,
        architecture=source.architecture,
        parameters=count_parameters(source.network),
        gmac=None if dynamic else source.compute_gmac(size.size),
        precision=precision,
        compute=COMPUTE[precision],
        preprocessing=replace(source.preprocessing, size=size.size),
        threshold=size.threshold,
        training_data=tuple(licences),
        evidence=evidence,
        checkpoint_sha256=checkpoint_sha256,
        output=str(source.output) if source.is_third_party else "",
        input_channels=source.input_channels if source.is_third_party else "",
    )


def serialize_graph(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a model file without metadata. Equal models give identical bytes."""
    bare = deepcopy(model)
    bare.producer_name = "edgeseg"
    bare.producer_version = ""
    bare.doc_string = ""
    del bare.metadata_props[:]
    return bytes(bare.SerializeToString(deterministic=True))


def serialize_card(card: ModelCard) -> bytes:
    """Return metadata that can be appended to the bytes of `serialize_graph`.

    Protobuf merges concatenated messages, so that the graph is not written again.
    """
    metadata = onnx.ModelProto()
    onnx.helper.set_model_props(metadata, card.to_metadata())
    return bytes(metadata.SerializeToString(deterministic=True))


def add_card(model: onnx.ModelProto, card: ModelCard) -> bytes:
    """Return the bytes of a model file with its metadata and its checksum."""
    return append_checksum(serialize_graph(model) + serialize_card(card))


def list_stale_files(folder: Path, cards: Collection[ModelCard]) -> list[Path]:
    """List existing files that do not belong to the same models as the converted files.

    These are files of another model with the same name, and files of other working sizes
    (`NAME-detail`) from a checkpoint that is being replaced.

    Args:
        folder: folder of the model files.
        cards: cards of the converted files.
    """
    converted = {card.name: card for card in cards}
    stale: list[Path] = []
    replaced: set[str] = set()
    sizes: list[tuple[Path, ModelCard]] = []
    for path in sorted(folder.glob("*.onnx")):
        name = strip_precision(path).name
        if not any(name == own or name.startswith(f"{own}-") for own in converted):
            continue
        with suppress(ModelError):  # not a file of `edgeseg convert`
            card = read_card(path)
            if name not in converted:
                sizes.append((path, card))
            elif not card.is_same_model(converted[name]):
                stale.append(path)
                replaced.add(card.checkpoint_sha256)
    replaced -= {card.checkpoint_sha256 for card in cards}
    for path, card in sizes:
        is_original = card.name == strip_precision(path).name  # not a copy that the user renamed
        if card.checkpoint_sha256 in replaced and is_original:
            stale.append(path)
    return stale


def publish_files(files: Mapping[Path, Path], stale: Collection[Path] = ()) -> None:
    """Copy files to their final paths.

    All copies are complete before the first file becomes visible.

    Args:
        files: dict from final path to source file.
        stale: outdated files to remove.

    Raises:
        SystemSetupError: A file cannot be written. No file is written, and no temporary file
            remains.
    """
    for path in (*files, *stale):
        if path.is_dir():
            with write_errors_named(path):
                raise IsADirectoryError(errno.EISDIR, "")
    with ExitStack() as stack:
        temporaries = {}
        for path, source in files.items():
            with write_errors_named(path):
                temporary, stream = stack.enter_context(temporary_beside(path))
                stream.write(source.read_bytes())
                stream.flush()
                os.fsync(stream.fileno())
            temporaries[path] = (temporary, stream)
        for path in stale:
            with write_errors_named(path):
                path.unlink(missing_ok=True)
        for path, (temporary, stream) in temporaries.items():
            with write_errors_named(path):
                commit(temporary, stream, path)


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
