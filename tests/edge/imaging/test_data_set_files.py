"""Photographs and masks of each data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeseg.imaging import photo


def test_read_photo_of_each_data_set_returns_rgb(data_root: Path) -> None:
    sizes = {
        "DRIVE/test/images/01_test.tif": (584, 565),
        "STARE/stare-images/im0001.ppm.gz": (605, 700),
        "CHASEDB1/Image_01L.jpg": (960, 999),
        "HRF/images/01_dr.JPG": (2336, 3504),
        "FIVES/train/Original/10_A.png": (2048, 2048),
    }
    for name, size in sizes.items():
        decoded = photo.read_photo(data_root / name)
        assert decoded.shape == (*size, 3), name
        red, green, blue = decoded.reshape(-1, 3).mean(axis=0)
        assert red > green > blue, (
            name
        )  # a fundus is red, so that the order of the channels is correct


def test_read_mask_of_each_data_set_returns_plausible_vessels(data_root: Path) -> None:
    for name in (
        "DRIVE/test/1st_manual/01_manual1.gif",
        "DRIVE/test/2nd_manual/01_manual2.gif",
        "STARE/labels-ah/im0001.ah.ppm.gz",
        "CHASEDB1/Image_01L_1stHO.png",
        "HRF/manual1/01_dr.tif",
        "FIVES/train/Ground truth/10_A.png",
    ):
        mask = photo.read_mask(data_root / name)
        assert set(np.unique(mask)) == {0, 255}, name
        assert 0.03 < (mask > 0).mean() < 0.15, name
