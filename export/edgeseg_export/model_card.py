"""What a model file says of itself, from what is known of its checkpoint."""

from __future__ import annotations

from dataclasses import replace

from edgeseg.models.card import Licence, ModelCard, Precision
from edgeseg_export.source import SourceNetwork
from edgeseg_train.checkpoint import WorkingSize

COMPUTE: dict[Precision, str] = {
    "fp32": "float32",
    "fp16": "float16",
    "fp16w": "float32",
    "int8": "int8",
}
"""Data type that a file's convolutions compute in, where the device can."""


def make_card(
    source: SourceNetwork,
    size: WorkingSize,
    name: str,
    digest: str,
    precision: Precision = "fp32",
    dynamic: bool = False,
) -> ModelCard:
    """The card of one file, without what is measured only now.

    Validation Dice from training is FP32's: no other precision may claim it.
    """
    evidence = source.evidence.get(size.name, {}) if precision == "fp32" else {}
    return ModelCard(
        name=name,
        architecture=source.architecture,
        parameters=source.parameters,
        gmac=None if dynamic else source.gmac(size.size),
        precision=precision,
        compute=COMPUTE[precision],
        preprocessing=replace(source.preprocessing, size=size.size),
        threshold=size.threshold,
        training_data=tuple(
            Licence(d.name, d.photographs, d.licence) for d in source.training_data
        ),
        evidence={
            f"{data}/validation/native": round(dice, 4)
            for data, dice in evidence.items()
            if data != "mean"
        },
        checkpoint_sha256=digest,
    )
