"""Command `edgeseg label`: soft labels of photographs, computed by trained networks."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from edgeseg.console import plural, print_line
from edgeseg.datasets import Pair, open_data
from edgeseg.errors import PhotoError, UsageError
from edgeseg.field_of_view.detect import detect_fields, largest_field
from edgeseg.imaging.arrays import Photo, Probability
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import is_photograph, photo_stem, read_photo
from edgeseg.postprocess import resize_to_photo
from edgeseg.preprocessing.prepare import prepare
from edgeseg.system.files import make_folder, write_atomically
from edgeseg_train.checkpoint import Checkpoint, load_checkpoint
from edgeseg_train.network.resunet import ResUNet, normalise_photo
from edgeseg_train.training.compute import count_photo_threads, select_device

# Flipped axes of a batch (N, C, H, W).
FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))


class Teacher:
    """Trained network that computes soft labels.

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
            PhotoError: No field of view was detected.
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
        PhotoError: No field of view was detected.
    """
    maps = [probability for teacher in teachers for probability in teacher.probabilities(photo)]
    mean: Probability = np.mean(maps, axis=0, dtype=np.float32)
    return mean


@click.command()
@click.option("--teacher", "checkpoints", multiple=True, required=True, metavar="CKPT.pt",
              type=click.Path(path_type=Path),
              help="Checkpoint of a teacher. Repeatable.")  # fmt: skip
@click.option("--data", "specs", multiple=True, metavar="NAME:DIR",
              help="Data set whose training photographs are labelled. Repeatable.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              metavar="DIR", help="Folder for images/ and masks/. Existing labels are "
              "kept.")  # fmt: skip
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
              show_default=True, help="Device of the teachers.")  # fmt: skip
@click.argument("inputs", metavar="[INPUT]...", nargs=-1,
                type=click.Path(path_type=Path, exists=True))  # fmt: skip
def label(
    checkpoints: Sequence[Path],
    specs: Sequence[str],
    out: Path,
    device: str,
    inputs: Sequence[Path],
) -> None:
    """Compute soft labels for `edgeseg train --soft-labels`.

    INPUT is a photograph or a folder. A label is the mean probability over all teachers, their
    working sizes and four flips. Photographs that cannot be read or have no field of view are
    skipped, and the exit code is then 3.
    """
    photographs = _list_photographs(specs, inputs)
    cv2.setNumThreads(1)
    selected = torch.device(select_device(device))
    teachers = [Teacher(load_checkpoint(file), selected) for file in checkpoints]
    for part in ("images", "masks"):
        make_folder(out / part)
    write = partial(_write_label, out, teachers)
    with ThreadPoolExecutor(count_photo_threads()) as pool:
        # After an error or Ctrl-C, the iterator of `map` cancels the remaining photographs.
        labelled = list(pool.map(write, photographs.keys(), photographs.values()))
    skipped = labelled.count(False)
    if skipped:
        print_line(f"{plural(skipped, 'photograph')} skipped", err=True)
        sys.exit(3)


def _list_photographs(
    specs: Sequence[str], inputs: Sequence[Path]
) -> dict[str, Callable[[], Photo]]:
    """Return a dict from the name of a label to a function that loads the photograph.

    Raises:
        UsageError: There are no photographs, or two photographs have the same name.
    """
    sources: dict[str, str] = {}
    photographs: dict[str, Callable[[], Photo]] = {}
    for name, source, load in _find_photographs(specs, inputs):
        if sources.setdefault(name, source) != source:
            raise UsageError(
                f"{sources[name]} and {source}: the label of both would be {name}.png. Use another "
                "--out for one of them, or rename it."
            )
        photographs[name] = load
    if not photographs:
        raise UsageError("no photograph to label. Give photographs, folders or --data NAME:DIR.")
    return photographs


def _find_photographs(
    specs: Sequence[str], inputs: Sequence[Path]
) -> Iterator[tuple[str, str, Callable[[], Photo]]]:
    """Yield the name of each label, the source of the photograph and a function that loads it."""
    for spec in specs:
        data_set = open_data(spec, "train")
        for pair in data_set.pairs:
            name = f"{data_set.name}_{pair.name}"
            yield name, f"{pair.name} of {spec}", partial(_load_photo, pair)
    for path in inputs:
        files = sorted(filter(is_photograph, path.iterdir())) if path.is_dir() else [path]
        for file in files:
            absolute = Path(os.path.abspath(file))  # noqa: PTH100 - links are not resolved
            name = f"{absolute.parent.name}_{photo_stem(absolute)}"
            yield name, str(absolute), partial(read_photo, file)


def _load_photo(pair: Pair) -> Photo:
    return pair.load().photo


def _write_label(
    out: Path, teachers: Sequence[Teacher], name: str, load: Callable[[], Photo]
) -> bool:
    """Write the photograph and its label, unless the label exists.

    Returns:
        Whether the label exists now; False if the photograph was skipped.
    """
    file = out / "masks" / f"{name}.png"
    if file.exists():
        return True
    try:
        photo = load()
        probability = make_soft_label(teachers, photo)
    except PhotoError as error:
        print_line(f"{name}: skipped ({error})", err=True)
        return False
    write_atomically(out / "images" / f"{name}.png", encode_png(photo))
    write_atomically(file, encode_png(np.rint(probability * 255).astype(np.uint8)))
    return True
