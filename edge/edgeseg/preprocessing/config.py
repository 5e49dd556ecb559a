"""Settings of the preprocessing, as stored in checkpoints and model files.

`edgeseg.preprocessing.prepare` applies the preprocessing. This module does not load OpenCV, so that
reading a model's card is fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal, TypeAlias

import msgspec

from edgeseg.errors import ModelError, one_line
from edgeseg.field_of_view.methods import FovMethod
from edgeseg.system.decoding import prepare_decoding

Crop: TypeAlias = Literal["fov", "frame"]
Fit: TypeAlias = Literal["pad", "stretch"]
Contrast: TypeAlias = Literal["none", "clahe"]
Colour: TypeAlias = Literal["keep", "balance"]
ContrastAt: TypeAlias = Literal["after", "before"]
PresetName: TypeAlias = Literal["edge", "reference"]
Rgb: TypeAlias = tuple[float, float, float]

SIZE_RANGE = (32, 8192)
"""Smallest and largest working size in pixels."""


@dataclass(frozen=True)
class PreprocessingConfig:
    """Settings of the preprocessing from photograph to network input.

    Attributes:
        size: working size in pixels; the network input is a square with this side.
        fov: detection method for the field of view; `none` uses the whole frame.
        crop: `fov` crops to the bounding box of the field of view, `frame` keeps the frame.
        fit: `pad` keeps the aspect ratio, centres the crop in the square, and averages areas if the
            crop is reduced; `stretch` changes the aspect ratio and interpolates linearly.
        colour: `balance` adapts the colours of dark and monochrome photographs
            (`edgeseg.preprocessing.colour`).
        contrast: `clahe` applies CLAHE to R, G and B separately.
        clip_limit: clip limit of CLAHE.
        tiles: number of CLAHE tiles along each axis.
        contrast_at: whether CLAHE is applied `before` or `after` resizing.
        fill: grey level outside the field of view, 0 to 255, or `keep`.
        mean: RGB mean, subtracted from the photograph after division by 255.
        std: RGB standard deviation. The difference is divided by this value.

    Raises:
        ModelError: A number is out of range.
    """

    size: int
    fov: FovMethod = "found"
    crop: Crop = "fov"
    fit: Fit = "pad"
    colour: Colour = "keep"
    contrast: Contrast = "none"
    clip_limit: float = 2.0
    tiles: int = 8
    contrast_at: ContrastAt = "after"
    fill: int | Literal["keep"] = 0
    mean: Rgb = (0.0, 0.0, 0.0)
    std: Rgb = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        low, high = SIZE_RANGE
        if not low <= self.size <= high:
            _reject(f"size = {self.size} (allowed: {low} to {high})")
        if not 1 <= self.tiles <= 64:
            _reject(f"tiles = {self.tiles} (allowed: 1 to 64)")
        if not 0 < self.clip_limit <= 1000:
            _reject(f"clip_limit = {self.clip_limit} (allowed: above 0, at most 1000)")
        if self.colour == "balance" and self.contrast_at == "before":
            _reject("colour = 'balance' requires contrast_at = 'after'")
        if self.fill != "keep" and not 0 <= self.fill <= 255:
            _reject(f"fill = {self.fill} (allowed: 0 to 255, or 'keep')")
        if not all(map(math.isfinite, self.mean)):
            _reject(f"mean = {self.mean} (allowed: three finite numbers)")
        if not all(map(math.isfinite, self.std)) or min(self.std) <= 0:
            _reject(f"std = {self.std} (allowed: three finite numbers above 0)")

    def to_dict(self) -> dict[str, object]:
        """Return plain values for a checkpoint, JSON or TOML."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> PreprocessingConfig:
        """Create the settings from untrusted plain values.

        Raises:
            ModelError: A key is unknown or missing, or its value has the wrong type or range.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                _reject(f"unknown key {key[:60]!r}. Known keys: {', '.join(known)}.")
        try:
            return msgspec.convert(values, cls)
        except msgspec.ValidationError as error:
            raise ModelError(f"preprocessing: {one_line(error)}") from error


def _reject(reason: str) -> None:
    raise ModelError(f"preprocessing: {reason}")


def preprocessing_preset(name: PresetName, size: int | None = None) -> PreprocessingConfig:
    """Return a named preset.

    Args:
        name: `edge`, or `reference` for the preprocessing of the published ResUNet-Deeper
            (mean and standard deviation of ImageNet).
        size: working size in pixels; None means 640 for `edge` and 512 for `reference`.
    """
    if name == "edge":
        return PreprocessingConfig(size=size or 640, colour="balance", contrast="clahe")
    return PreprocessingConfig(
        size=size or 512,
        fov="grey10",
        crop="frame",
        fit="stretch",
        contrast="clahe",
        contrast_at="before",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )


prepare_decoding(PreprocessingConfig)
