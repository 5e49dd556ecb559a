"""Build a model file's metadata from its checkpoint."""

from __future__ import annotations

from dataclasses import replace

from edgeseg.models.card import Licence, ModelCard, Precision
from edgeseg_export.source import SourceNetwork
from edgeseg_train.checkpoint import WorkingSize

# Data type of a file's convolutions on a device that supports it.
COMPUTE: dict[Precision, str] = {
    "fp32": "float32",
    "fp16": "float16",
    "fp16w": "float32",
    "int8": "int8",
}


def make_card(
    source: SourceNetwork,
    size: WorkingSize,
    name: str,
    checkpoint_sha256: str,
    precision: Precision = "fp32",
    dynamic: bool = False,
) -> ModelCard:
    """Build the metadata of one file, without the results of its own checks.

    Validation Dice from training was measured in FP32, so that no other precision contains it.

    Args:
        source: network and its checkpoint's metadata.
        size: working size of the file.
        name: model name.
        checkpoint_sha256: SHA-256 of the checkpoint file, hexadecimal.
        precision: precision of the file.
        dynamic: height and width are dynamic, so that GMAC is unknown.
    """
    licences = [Licence(d.name, d.photographs, d.licence) for d in source.training_data]
    dice = dict(source.evidence.get(size.name, {})) if precision == "fp32" else {}
    dice.pop("mean", None)
    evidence = {f"{data}/validation/native": round(value, 4) for data, value in dice.items()}
    return ModelCard(
        name=name,
        architecture=source.architecture,
        parameters=source.parameters,
        gmac=None if dynamic else source.compute_gmac(size.size),
        precision=precision,
        compute=COMPUTE[precision],
        preprocessing=replace(source.preprocessing, size=size.size),
        threshold=size.threshold,
        training_data=tuple(licences),
        evidence=evidence,
        checkpoint_sha256=checkpoint_sha256,
    )
