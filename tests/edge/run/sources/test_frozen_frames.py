"""Detection of frozen frames: a frame is a repeat if it is identical to the previous frame."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.run.sources.frozen_frames import FrozenFrameDetector


@pytest.mark.parametrize("shape", [(90, 120, 3), (600, 800, 3), (2, 3, 3)])
def test_frozen_frame_detector_counts_identical_images(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 255, shape, dtype=np.uint8) for _ in range(3)]
    detector = FrozenFrameDetector()
    counts = [detector.count_repeats(images[index].copy()) for index in (0, 0, 0, 1, 2, 2)]
    assert counts == [0, 1, 2, 0, 0, 1]


def test_frozen_frame_detector_resets_when_size_changes() -> None:
    detector = FrozenFrameDetector()
    image = np.zeros((90, 120, 3), np.uint8)
    counts = [detector.count_repeats(photo) for photo in (image, image, image[:50])]
    assert counts == [0, 1, 0]


def test_frozen_frame_detector_accepts_sensor_noise_on_still_eye() -> None:
    noise = np.random.default_rng(0)
    detector = FrozenFrameDetector()
    for _ in range(5):
        image = np.full((480, 640, 3), 90, np.uint8) + noise.integers(0, 3, (480, 640, 3), np.uint8)
        assert detector.count_repeats(image) == 0


def test_frozen_frame_detector_detects_image_changed_in_place() -> None:
    detector = FrozenFrameDetector()
    image = np.zeros((90, 120, 3), np.uint8)
    detector.count_repeats(image)
    image += 1
    assert detector.count_repeats(image) == 0
