"""Frozen frames: a camera or a link that hangs delivers the same picture again and again.

What is delivered as it was seen (a camera, a stream of JPEGs) then repeats it exactly. A video file was encoded once
more: over a still picture the codec goes on to correct itself, most of all at and behind a key frame, by more than the
noise of a sensor that looks at a still eye. Those corrections die away within a few frames and the noise does not,
so that a video's frames are judged a few frames later.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.imaging.arrays import Photo

_SIZE = 160  # pixels of the sample's longer side

# Mean differences of two samples, of 255 grey levels. Frozen stretches of MPEG-4 and H.264 come to 0 to 0.02; while the
# codec corrects itself to 0.9, at a key frame to 2.7. Noise of 1 to 2 grey levels on a still eye leaves 0.02 to 0.4 of
# MPEG-4, 0.3 and more of Motion JPEG; H.264 may remove it altogether, and then the frames are the same.
_SAME = 0.025
_STILL = 0.05
_CORRECTED, _CORRECTED_AT_KEY = 0.9, 3.0
_FALL = 2.3  # by which a correction becomes less within AHEAD frames, and noise does not

AHEAD = 3
"""Frames of a video after which it is clear whether a difference was the codec's."""

Coding: TypeAlias = Literal["alone", "key", "forward", "both ways"]
"""How a codec made a frame: as all frames, without any other; from time to time without; from earlier ones; from later
ones too."""


@dataclass
class FrozenFrameDetector:
    """Counts how often the last picture of a stream came again, where nothing was encoded once more."""

    count: int = 0
    _last: npt.NDArray[np.uint8] | None = None

    def of(self, photo: Photo) -> int:
        """The next frame (H, W, 3) uint8 RGB -> how many frames directly before it showed the same."""
        last, self._last = self._last, _sample(photo)
        self.count = self.count + 1 if _difference(last, self._last) < _SAME else 0
        return self.count


@dataclass(frozen=True)
class Step:
    """What changed from one frame of a video to the next.

    Attributes:
        difference: Of their samples, 0 to 255; infinite for the first frame and after a change of size.
        coding: How the codec made the later one.
    """

    difference: float
    coding: Coding

    @property
    def limit(self) -> float:
        """Up to which the codec alone may have made the difference."""
        return {"alone": _SAME, "key": _CORRECTED_AT_KEY}.get(self.coding, _CORRECTED)

    @property
    def is_fresh(self) -> bool:
        """Whether the codec has to correct itself in the frames that follow."""
        return self.coding == "key" or self.difference > _CORRECTED


def counted(
    pictures: Iterable[tuple[npt.NDArray[np.uint8], str]],
) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    """A video's pictures -> each of them with how many directly before it showed the same; AHEAD of them are held back.

    Args:
        pictures: (H, W, 3) uint8, with FFmpeg's letter for how it was made: I, P, B, or another where that is unknown.
    """
    held: deque[tuple[npt.NDArray[np.uint8], Step]] = deque()
    last, before, judged = None, "", _Judged()
    for image, letter in pictures:
        sample = _sample(image)
        held.append((image, Step(_difference(last, sample), _coding(letter, before))))
        last, before = sample, letter
        if len(held) > AHEAD:
            yield held[0][0], judged.of([step for _, step in held])
            held.popleft()
    while held:
        yield held[0][0], judged.of([step for _, step in held])
        held.popleft()


@dataclass
class _Judged:
    """What is known of a video up to a frame."""

    count: int = 0
    _since_fresh: int = 0

    def of(self, steps: Sequence[Step]) -> int:
        """The step to a frame, and those to the next AHEAD ones (fewer at the end) -> its repeats."""
        step, later = steps[0], steps[1:]
        self._since_fresh = 0 if step.is_fresh else self._since_fresh + 1
        same = step.difference < (_STILL if self.count and step.coding != "alone" else _SAME)
        if not same and self._may_be_codec(step, self._since_fresh):
            same = self._dies_away(step.difference, later)
        self.count = self.count + 1 if same else 0
        return self.count

    def _may_be_codec(self, step: Step, since_fresh: int) -> bool:
        if step.difference >= step.limit:
            return False
        if step.coding == "key":
            return (
                self.count > 0
            )  # else an eye that moves a little before it freezes looks the same
        # A frame made from later ones shows a key frame's correction before that frame comes.
        return since_fresh <= AHEAD or (self.count > 0 and step.coding == "both ways")

    def _dies_away(self, difference: float, later: Sequence[Step]) -> bool:
        since_fresh = self._since_fresh
        for step in later:
            if step.difference < max(_SAME, min(_STILL, difference / _FALL)):
                return True
            since_fresh = 0 if step.is_fresh else since_fresh + 1
            if not self._may_be_codec(step, since_fresh):
                # Another picture came too soon to tell: as it was before.
                return self.count > 0 and step.difference >= _CORRECTED
        return self.count > 0 and len(later) < AHEAD


def _coding(letter: str, before: str) -> Coding:
    """FFmpeg's letters of a frame and of the one before it. Where each frame stands alone, there are no key frames."""
    if letter == "I" and before in ("P", "B"):
        return "key"
    if letter == "P":
        return "forward"
    return "both ways" if letter == "B" else "alone"


def _sample(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    step = max(1, max(image.shape[:2]) // _SIZE)
    return np.ascontiguousarray(image[step // 2 :: step, step // 2 :: step])


def _difference(first: npt.NDArray[np.uint8] | None, second: npt.NDArray[np.uint8]) -> float:
    if first is None or first.shape != second.shape:
        return math.inf
    return float(cv2.norm(first, second, cv2.NORM_L1)) / first.size
