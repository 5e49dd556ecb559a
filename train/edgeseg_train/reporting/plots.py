"""Pictures of a run: `curves.png`, and the contact sheet of the augmentations."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.overlay import draw_overlay
from edgeseg.imaging.photo import encode_png
from edgeseg.system.files import write_atomically
from edgeseg_train.data.augmentation import (
    NO_AUGMENTATION,
    Augmentation,
    CropPlacement,
    sample_crops,
)
from edgeseg_train.data.photo_store import Example, PhotoStore
from edgeseg_train.reporting.log import LogEntry

TRAINING, VALIDATION = "#4c72b0", "#dd8452"


def draw_curves(points: Sequence[LogEntry], file: Path) -> None:
    """Loss, Dice and IoU of training crops and validation photographs over epochs, as a PNG."""
    mpl.use("agg")
    figure = Figure(figsize=(13, 4), layout="constrained")
    panels: Sequence[Axes] = list(figure.subplots(1, 3))
    for axes, title in zip(panels, ("loss", "dice", "iou"), strict=True):
        _panel(axes, points, title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(file, buffer.getvalue())


def _panel(axes: Axes, points: Sequence[LogEntry], name: str) -> None:
    epochs = [point.epoch for point in points]
    axes.plot(
        epochs, [getattr(point, name) for point in points], color=TRAINING, label="training crops"
    )
    checked = [p for p in points if p.validation_dice is not None]
    scores = [getattr(p, f"validation_{name}") for p in checked]
    axes.plot(
        [p.epoch for p in checked],
        scores,
        "o-",
        ms=3,
        color=VALIDATION,
        label="validation photographs",
    )
    axes.set(title={"loss": "Loss", "dice": "Dice", "iou": "IoU"}[name], xlabel="epoch")
    if name != "loss":
        axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def draw_contact_sheet(
    whole: Example, file: Path, how: Augmentation, crop: int = 256, seed: int = 0
) -> None:
    """A row of crops for each augmentation alone, then one for all together; the truth is tinted.

    Args:
        whole: a photograph at a working size.
        file: PNG to write.
        how: the augmentations.
        crop: side of a crop in pixels.
        seed: of all that is drawn at random.
    """
    rows = [("as it is", NO_AUGMENTATION)]
    rows += [
        (move.__name__, replace(NO_AUGMENTATION, moves=((move, 1.0),))) for move, _ in how.moves
    ]
    rows += [
        (camera.__name__, replace(NO_AUGMENTATION, cameras=((camera, 1.0),)))
        for camera, _ in how.cameras
    ]
    rows += [
        (colour.__name__, replace(NO_AUGMENTATION, colours=((colour, 1.0),)))
        for colour, _ in how.colours
    ]
    rows += [("all together", how)]
    place = CropPlacement(0, 0, (len(whole.inside) * 0.4, len(whole.inside) * 0.5))
    photographs = PhotoStore.of([[whole]])
    sheet = [
        _row(photographs, place, label.replace("_", " "), alone, crop, seed)
        for label, alone in rows
    ]
    write_atomically(file, encode_png(np.vstack(sheet)))


def _row(
    photographs: PhotoStore,
    place: CropPlacement,
    label: str,
    how: Augmentation,
    crop: int,
    seed: int,
    columns: int = 6,
) -> Photo:
    title: Photo = np.full((crop, crop, 3), 255, np.uint8)
    cv2.putText(
        title, label, (8, crop // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA
    )
    cells = [title]
    for column in range(columns):
        batch = sample_crops(photographs, [place], crop, how, np.random.default_rng((seed, column)))
        photo, truth = (
            (part[0].movedim(0, -1) * 255).round().to(torch.uint8).numpy()
            for part in (batch.photo, batch.truth)
        )
        cells.append(draw_overlay(photo, truth[..., 0], opacity=0.45) if column % 2 else photo)
    return np.hstack(cells)
