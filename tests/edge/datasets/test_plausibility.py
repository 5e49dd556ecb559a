"""Rejection of implausible masks and fields of view, with the file name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeseg.datasets import open_data
from edgeseg.datasets.pair import FilePair
from edgeseg.errors import SystemSetupError
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo

SYNTHETIC = generate_photo(5, 300)
TRUTH = SYNTHETIC.truth
FOV = SYNTHETIC.fov


def write_pair(
    folder: Path, mask: bytes, fov: Mask | None = None, photo: Photo | None = None
) -> FilePair:
    for part in ("images", "masks", "fov"):
        (folder / part).mkdir(exist_ok=True)
    photo = SYNTHETIC.photo if photo is None else photo
    (folder / "images" / "a.png").write_bytes(encode_png(photo))
    (folder / "masks" / "a.png").write_bytes(mask)
    if fov is not None:
        (folder / "fov" / "a.png").write_bytes(encode_png(fov))
    (pair,) = open_data(f"pairs:{folder}", "test").pairs
    assert isinstance(pair, FilePair)
    return pair


def black_on_transparent() -> bytes:
    pixels = np.zeros((*TRUTH.shape, 4), np.uint8)
    pixels[..., 3] = TRUTH
    return bytes(cv2.imencode(".png", pixels)[1])


def painted_photograph() -> bytes:
    painted = SYNTHETIC.photo.copy()
    painted[TRUTH > 0] = (0, 255, 0)
    return encode_png(painted)


def inverted_inside_field() -> bytes:
    return encode_png(np.where(FOV > 0, 255 - TRUTH, 0).astype(np.uint8))


@pytest.mark.parametrize(
    "mask",
    [
        encode_png(255 - TRUTH),
        inverted_inside_field(),
        encode_png(np.where(TRUTH > 0, np.uint8(0), np.uint8(1))),
        encode_png(np.full_like(TRUTH, 255)),
        encode_png(np.zeros_like(TRUTH)),
        encode_png(np.full_like(TRUTH, 90)),
        encode_png(SYNTHETIC.photo),
        painted_photograph(),
        black_on_transparent(),
    ],
    ids=[
        "inverted", "inverted-in-field", "inverted-class-numbers", "white", "black", "grey",
        "photograph", "painted", "black-on-transparent",
    ],
)  # fmt: skip
def test_implausible_mask_is_rejected(tmp_path: Path, mask: bytes) -> None:
    with pytest.raises(SystemSetupError) as error:
        write_pair(tmp_path, mask).load()
    assert str(error.value).startswith(str(tmp_path / "masks" / "a.png"))
    assert "\n" not in str(error.value)


def test_mask_of_bright_structures_is_rejected(tmp_path: Path) -> None:
    photo = SYNTHETIC.photo.copy()
    photo[TRUTH > 0] = np.minimum(photo[TRUTH > 0].astype(int) + 90, 255)
    with pytest.raises(SystemSetupError, match="brighter"):
        write_pair(tmp_path, encode_png(TRUTH), photo=photo).load()


def test_mask_of_bright_vessels_in_grey_photograph_is_accepted(tmp_path: Path) -> None:
    """In fluorescein angiography, vessels are bright."""
    grey = SYNTHETIC.photo[:, :, 1].copy()
    grey[TRUTH > 0] = 250
    photo = np.repeat(grey[:, :, None], 3, axis=2)
    assert np.array_equal(write_pair(tmp_path, encode_png(TRUTH), photo=photo).load().truth, TRUTH)


@pytest.mark.parametrize(
    "encode",
    [
        encode_png,
        lambda mask: encode_png(mask // 255),
        lambda mask: encode_png(cv2.GaussianBlur(mask, (3, 3), 0).astype(np.uint8)),
        lambda mask: bytes(cv2.imencode(".jpg", mask)[1]),
        lambda mask: encode_png(np.dstack([mask, mask * 0, mask * 0])),
    ],
    ids=["png", "zero-and-one", "blurred", "jpeg", "red"],
)
def test_vessel_mask_is_accepted(tmp_path: Path, encode: Callable[[Mask], bytes]) -> None:
    loaded = write_pair(tmp_path, encode(TRUTH), FOV).load()
    assert (loaded.truth == TRUTH).mean() > 0.97
    assert loaded.notes == ()


def test_one_pixel_field_of_view_is_rejected(tmp_path: Path) -> None:
    fov = np.zeros_like(FOV)
    fov[150, 150] = 255
    with pytest.raises(SystemSetupError, match="field of view") as error:
        write_pair(tmp_path, encode_png(TRUTH), fov).load()
    assert str(error.value).startswith(str(tmp_path / "fov" / "a.png"))


def test_inverted_field_of_view_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match="inverted") as error:
        write_pair(tmp_path, encode_png(TRUTH), 255 - FOV).load()
    assert str(error.value).startswith(str(tmp_path / "fov" / "a.png"))


def test_field_of_view_of_whole_frame_is_accepted(tmp_path: Path) -> None:
    fov = write_pair(tmp_path, encode_png(TRUTH), np.full_like(FOV, 255)).load().fov
    assert fov is not None
    assert fov.all()


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["drive:DRIVE", "stare:STARE", "chasedb1:CHASEDB1", "fives:FIVES"])
def test_all_masks_of_published_sets_are_accepted(data_root: Path, spec: str) -> None:
    name, _, folder = spec.partition(":")
    for pair in open_data(f"{name}:{data_root / folder}", "all").pairs:
        loaded = pair.load()
        assert loaded.notes == ()
        assert loaded.ignored is None
        assert not loaded.misoriented
