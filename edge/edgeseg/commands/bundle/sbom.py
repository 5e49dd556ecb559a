"""Software bill of materials of a bundle, in CycloneDX JSON: wheels and model files."""

import email.parser
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from email.message import Message
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

import msgspec

from edgeseg.commands.bundle.checksums import BundleFile, hash_content
from edgeseg.errors import ModelError, UsageError
from edgeseg.models.card import ModelCard, model_read_errors
from edgeseg.models.onnx_metadata import read_metadata

Json: TypeAlias = dict[str, object]

SBOM_NAME = "sbom.cdx.json"

_MODELS_IN_WHEEL = "edgeseg/models/"
_MAX_LICENCE_LENGTH = 100


class WheelFacts(NamedTuple):
    """Metadata of a wheel.

    Attributes:
        name: name of the distribution.
        version: version.
        licences: licences as CycloneDX objects.
        models: name and content of each model file. Only edgeseg's wheel contains model files.
    """

    name: str
    version: str
    licences: list[Json]
    models: list[BundleFile]


def build_sbom(wheels: Sequence[BundleFile], models: Sequence[BundleFile], own_wheel: str) -> bytes:
    """Return the SBOM of a bundle.

    It contains no time stamp, so that equal bundles have equal SBOMs.

    Args:
        wheels: all wheels of the bundle.
        models: model files given with `--model`.
        own_wheel: file name of edgeseg's wheel.

    Raises:
        UsageError: A wheel has no valid metadata.
    """
    main: Json = {}
    components: list[Json] = []
    for path, content in sorted(wheels):
        facts = _read_wheel(path, content)
        component = _describe_wheel(facts, content)
        if Path(path).name == own_wheel:
            main = component | {"type": "application"}
            components += [_describe_model(name, model) for name, model in facts.models]
        else:
            components.append(component)
    components += [_describe_model(name, model) for name, model in models]
    sbom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": main},
        "components": components,
    }
    return msgspec.json.format(msgspec.json.encode(sbom), indent=2) + b"\n"


def _read_wheel(path: str, content: bytes) -> WheelFacts:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            metadata = _read_metadata(archive)
            models: list[BundleFile] = []
            for name in sorted(archive.namelist()):
                if name.startswith(_MODELS_IN_WHEEL) and name.endswith(".onnx"):
                    models.append((name, archive.read(name)))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UsageError(
            f"{Path(path).name}: not a valid wheel. Create the bundle again."
        ) from error
    return WheelFacts(metadata["Name"], metadata["Version"], _licences(metadata), models)


def _read_metadata(archive: zipfile.ZipFile) -> Message:
    for name in archive.namelist():
        if re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
            return email.parser.BytesParser().parsebytes(archive.read(name), headersonly=True)
    raise KeyError("METADATA")


def _licences(metadata: Message) -> list[Json]:
    """Return the licence of a wheel: its expression, its classifiers, or the field `License`."""
    expression = metadata["License-Expression"]
    if expression:
        return [{"expression": str(expression)}]
    names: list[str] = []
    for classifier in metadata.get_all("Classifier", []):
        if classifier.startswith("License :: ") and classifier.count(" :: ") > 1:
            names.append(classifier.rsplit(" :: ", 1)[1])
    text = str(metadata["License"] or "").strip()
    if not names and text and len(text) <= _MAX_LICENCE_LENGTH and "\n" not in text:
        names = [text]
    return [{"license": {"name": name}} for name in names]


def _describe_wheel(facts: WheelFacts, content: bytes) -> Json:
    normalized = re.sub(r"[-_.]+", "-", facts.name).lower()
    purl = f"pkg:pypi/{normalized}@{quote(facts.version, safe='')}"
    component: Json = {
        "type": "library",
        "bom-ref": purl,
        "name": facts.name,
        "version": facts.version,
        "hashes": _hashes(content),
        "purl": purl,
    }
    return component | ({"licenses": facts.licences} if facts.licences else {})


def _describe_model(path: str, content: bytes) -> Json:
    component: Json = {
        "type": "machine-learning-model",
        "bom-ref": path,
        "name": Path(path).name,
        "hashes": _hashes(content),
    }
    properties = list(_training_data(path, content))
    return component | ({"properties": properties} if properties else {})


def _training_data(path: str, content: bytes) -> Iterable[Json]:
    """Yield the training data of a model with the licence of each data set."""
    try:
        with model_read_errors(Path(path)):
            entries = read_metadata(io.BytesIO(content))
        card = ModelCard.from_metadata(entries, path)
    except ModelError:
        return
    for data in card.training_data:
        text = f"{data.name}: {data.photographs} photographs, {data.licence}"
        yield {"name": "edgeseg:training_data", "value": text}


def _hashes(content: bytes) -> list[Json]:
    return [{"alg": "SHA-256", "content": hash_content(content)}]
