"""Soft labels of photographs, computed with trained networks (distillation).

`python -m edgeseg_train.teacher --teacher CKPT.pt --data hrf:HRF --out DIR PHOTOGRAPHS` writes a
folder for `edgeseg train --soft-labels DIR`. A label is the mean probability over all checkpoints,
their working sizes and four flips.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from edgeseg.console import print_line
from edgeseg.datasets import open_data
from edgeseg.errors import PhotoError
from edgeseg.field_of_view.detect import detect_fields, largest_field
from edgeseg.imaging.arrays import Photo, Probability
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import is_photograph, photo_stem, read_photo
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.prepare import prepare
from edgeseg.system.files import make_folder, write_atomically
from edgeseg_train.checkpoint import Checkpoint, load_checkpoint
from edgeseg_train.network.resunet import ResUNet, normalise_photo
from edgeseg_train.training.compute import select_device

# Flipped axes of a batch (N, C, H, W).
FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))


class Teacher:
    """Checkpoint as a teacher.

    Args:
        checkpoint: trained network with its working sizes.
        device: device for the network.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self._checkpoint = checkpoint
        self._device = device
        self._network: ResUNet = checkpoint.network().to(device)

    def probabilities(self, photo: Photo) -> Iterator[Probability]:
        """Yield the mean over four flips, (H, W) float32, for each working size.

        Args:
            photo: (H, W, 3) uint8 RGB.

        Raises:
            PhotoError: no field of view was detected.
        """
        config = self._checkpoint.preprocessing
        fov = largest_field(detect_fields(photo, config, "photograph"))
        for size in self._checkpoint.sizes:
            sized = replace(config, size=size.size)
            prepared = prepare(photo, sized, fov=fov)
            pixels = torch.from_numpy(prepared.tensor).to(self._device)
            tensor = normalise_photo(pixels.permute(0, 3, 1, 2).float() / 255, sized)
            mean = self._flipped_mean(tensor)
            yield resize_to_photo(mean, prepared.placement, fov.mask)

    @torch.inference_mode()
    def _flipped_mean(self, photo: torch.Tensor) -> Probability:
        """Return the mean probability over flips, (size, size) float32."""
        flipped = [
            self._network(photo.flip(axes)).sigmoid().flip(axes)[0, 0].float() for axes in FLIPS
        ]
        mean: Probability = torch.stack(flipped).mean(dim=0).cpu().numpy()
        return mean


def make_soft_label(teachers: Sequence[Teacher], photo: Photo) -> Probability:
    """Return the mean probability of all teachers and working sizes, (H, W) float32.

    Raises:
        PhotoError: no field of view was detected.
    """
    maps = [probability for teacher in teachers for probability in teacher.probabilities(photo)]
    mean: Probability = np.mean(maps, axis=0, dtype=np.float32)
    return mean


def _read_photographs(specs: Sequence[str], inputs: Sequence[Path]) -> Iterator[tuple[str, Photo]]:
    """Yield unique names and photographs: training photographs of data sets, then the inputs."""
    for spec in specs:
        data_set = open_data(spec, "train")
        for pair in data_set.pairs:
            yield f"{data_set.name}_{pair.name}", pair.load().photo
    for path in inputs:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in filter(is_photograph, files):
            yield f"{file.parent.name}_{photo_stem(file)}", read_photo(file)


@click.command()
@click.option("--teacher", "checkpoints", multiple=True, required=True, metavar="CKPT.pt",
              type=click.Path(path_type=Path),
              help="Checkpoint of a teacher. Repeatable.")  # fmt: skip
@click.option("--data", "specs", multiple=True, metavar="NAME:DIR",
              help="Data set whose training photographs are labelled. Repeatable.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Folder for images/ and masks/. Existing labels are kept.")  # fmt: skip
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.argument("inputs", nargs=-1, type=click.Path(path_type=Path, exists=True))
def main(
    checkpoints: Sequence[Path],
    specs: Sequence[str],
    out: Path,
    device: str,
    inputs: Sequence[Path],
) -> None:
    """Write soft labels for training photographs of data sets and for INPUTS (files or folders)."""
    cv2.setNumThreads(1)
    teachers = [
        Teacher(load_checkpoint(file), torch.device(select_device(device))) for file in checkpoints
    ]
    for part in ("images", "masks"):
        make_folder(out / part)
    for name, photo in _read_photographs(specs, inputs):
        label = out / "masks" / f"{name}.png"
        if label.exists():
            continue
        try:
            probability = make_soft_label(teachers, photo)
        except PhotoError as error:
            print_line(f"{name}: skipped ({error})", err=True)
            continue
        write_atomically(out / "images" / f"{name}.png", encode_png(photo))
        write_atomically(label, encode_png(np.rint(probability * 255).astype(np.uint8)))


if __name__ == "__main__":
    main()
