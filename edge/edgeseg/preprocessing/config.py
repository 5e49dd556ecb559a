"""How a photograph becomes the network's input, as data: the record that travels in checkpoint and model file.

What is done by it is `edgeseg.preprocessing.prepare`. Apart from that, so that a model's card is read without loading OpenCV.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal, TypeAlias, get_args

from edgeseg.errors import ModelError

FovMethod: TypeAlias = Literal["found", "grey10", "none"]
Crop: TypeAlias = Literal["fov", "frame"]
Fit: TypeAlias = Literal["pad", "stretch"]
Contrast: TypeAlias = Literal["none", "clahe"]
ContrastAt: TypeAlias = Literal["after", "before"]
PresetName: TypeAlias = Literal["edge", "reference"]
Rgb: TypeAlias = tuple[float, float, float]

SIZE_RANGE = (32, 8192)


@dataclass(frozen=True)
class PreprocessingConfig:
    """How a photograph becomes the network's input. Keys, values and defaults: DESIGN.md of the project.

    Attributes:
        size: working size in pixels; the network's input is a square of it.
        fov: how the field of view is found; `none` takes the whole frame.
        crop: `fov` crops to the field of view's box, `frame` keeps the frame.
        fit: `pad` keeps the proportions and centres in the square (averages of areas when it shrinks),
            `stretch` does not (linear, as the reference system resized).
        contrast: `clahe` equalises R, G and B each.
        clip_limit: CLAHE's clip limit.
        tiles: CLAHE's tiles along each axis.
        contrast_at: equalise `before` or `after` resizing.
        fill: grey level 0 to 255 outside the field of view, or `keep`.
        mean: subtracted from photograph / 255, RGB.
        std: divides the difference, RGB.
    """

    size: int
    fov: FovMethod = "found"
    crop: Crop = "fov"
    fit: Fit = "pad"
    contrast: Contrast = "none"
    clip_limit: float = 2.0
    tiles: int = 8
    contrast_at: ContrastAt = "after"
    fill: int | Literal["keep"] = 0
    mean: Rgb = (0.0, 0.0, 0.0)
    std: Rgb = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for name, allowed in _WORDS.items():
            if getattr(self, name) not in allowed:
                _refuse(f"{name} = {getattr(self, name)!r} (one of {', '.join(allowed)})")
        if not SIZE_RANGE[0] <= self.size <= SIZE_RANGE[1]:
            _refuse(f"size = {self.size} ({SIZE_RANGE[0]} to {SIZE_RANGE[1]})")
        if not 1 <= self.tiles <= 64 or not 0 < self.clip_limit <= 1000:
            _refuse(f"tiles = {self.tiles}, clip_limit = {self.clip_limit} (1 to 64, above 0)")
        if self.fill != "keep" and not 0 <= self.fill <= 255:
            _refuse(f"fill = {self.fill} (0 to 255, or 'keep')")
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            _refuse(
                f"mean = {self.mean}, std = {self.std} (three finite numbers each, std above 0)"
            )

    def to_dict(self) -> dict[str, object]:
        """Plain values for a checkpoint, JSON or TOML."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> PreprocessingConfig:
        """Record from untrusted plain values.

        Raises:
            ModelError: a key is unknown, missing, or holds a value of the wrong kind.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            _refuse(f"unknown key {', '.join(map(repr, unknown))}")
        if "size" not in values:
            _refuse("the key 'size' is missing")
        return cls(**{key: _checked(key, value) for key, value in values.items()})  # type: ignore[arg-type]


_WORDS: dict[str, tuple[str, ...]] = {
    "fov": get_args(FovMethod),
    "crop": get_args(Crop),
    "fit": get_args(Fit),
    "contrast": get_args(Contrast),
    "contrast_at": get_args(ContrastAt),
}


def _refuse(what: str) -> None:
    raise ModelError(f"preprocessing: {what}")


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(f"{key} = {value!r} is not a number")
    assert isinstance(value, (int, float))
    try:
        return float(value)
    except OverflowError:
        return math.inf  # the range checks refuse it


def _checked(key: str, value: object) -> object:
    if key in _WORDS or (key == "fill" and value == "keep"):
        if not isinstance(value, str):
            _refuse(f"{key} = {value!r} is not a word")
        return value
    if key in {"mean", "std"}:
        if not isinstance(value, (list, tuple)) or len(value) != 3:
            _refuse(f"{key} = {value!r} is not three numbers (R, G, B)")
        assert isinstance(value, (list, tuple))
        return tuple(_number(key, v) for v in value)
    number = _number(key, value)
    if key == "clip_limit":
        return number
    if not number.is_integer():
        _refuse(f"{key} = {value!r} is not a whole number")
    return int(number)


def preprocessing_preset(name: PresetName, size: int | None = None) -> PreprocessingConfig:
    """A named preset: `edge` (working size 640 unless given) or `reference` (ResUNet-Deeper's, 512).

    Source of `reference`: how the published ResUNet-Deeper was trained, with ImageNet's mean and deviation.
    """
    if name == "edge":
        return PreprocessingConfig(size=size or 640, contrast="clahe")
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
