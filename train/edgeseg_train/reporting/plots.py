"""Plots of a training run: learning curves and a contact sheet of the augmentations."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from edgeseg.imaging.arrays import Photo
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.overlay import draw_overlay
from edgeseg.system.files import write_atomically
from edgeseg_train.data.augmentation import (
    NO_AUGMENTATION,
    Augmentation,
    CropPlacement,
    sample_crops,
)
from edgeseg_train.data.photo_store import Example, PhotoStore
from edgeseg_train.reporting.log import LogEntry

PANEL_TITLES = {"loss": "Loss", "dice": "Dice", "iou": "IoU"}

# Number of crops in a row of the contact sheet.
CROPS_PER_ROW = 6


def draw_curves(entries: Sequence[LogEntry], file: Path) -> None:
    """Plot loss, Dice and IoU of training and validation per epoch.

    Args:
        entries: log entries.
        file: PNG file to write.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 3), PANEL_TITLES, strict=True):
        _draw_panel(axes, entries, metric)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(file, buffer.getvalue())


def _draw_panel(axes: Axes, entries: Sequence[LogEntry], metric: str) -> None:
    epochs = [entry.epoch for entry in entries]
    values = [getattr(entry, metric) for entry in entries]
    axes.plot(epochs, values, color="#4c72b0", label="training crops")
    validated = [entry for entry in entries if entry.validation_dice is not None]
    epochs = [entry.epoch for entry in validated]
    values = [getattr(entry, f"validation_{metric}") for entry in validated]
    axes.plot(epochs, values, "o-", ms=3, color="#dd8452", label="validation photographs")
    axes.set(title=PANEL_TITLES[metric], xlabel="epoch")
    if metric != "loss":
        axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def draw_contact_sheet(
    example: Example, file: Path, augmentation: Augmentation, crop: int = 256, seed: int = 0
) -> None:
    """Draw a row of crops for each transform and for all transforms together, with tinted vessels.

    Args:
        example: photograph at a working size.
        file: PNG file to write.
        augmentation: transforms to show.
        crop: side of a crop in pixels.
        seed: seed of the random numbers.
    """
    rows = {"original": NO_AUGMENTATION}
    for kind in ("geometric", "camera", "colour"):
        for transform, _ in getattr(augmentation, kind):
            rows[transform.__name__] = replace(NO_AUGMENTATION, **{kind: ((transform, 1.0),)})
    rows["all together"] = augmentation
    side = len(example.inside)
    placement = CropPlacement(0, 0, (side * 0.4, side * 0.5))
    photographs = PhotoStore.from_examples([[example]])
    sheet = []
    for name, row_augmentation in rows.items():
        cells = [_draw_title(name.replace("_", " "), crop)]
        for column in range(CROPS_PER_ROW):
            batch = sample_crops(
                photographs,
                [placement],
                crop,
                row_augmentation,
                np.random.default_rng((seed, column)),
            )
            photo = _to_image(batch.photo[0])
            if column % 2:
                truth = _to_image(batch.truth[0])[..., 0]
                photo = draw_overlay(photo, truth, opacity=0.45, style="fill")
            cells.append(photo)
        sheet.append(np.hstack(cells))
    write_atomically(file, encode_png(np.vstack(sheet)))


def _draw_title(text: str, side: int) -> Photo:
    cell: Photo = np.full((side, side, 3), 255, np.uint8)
    cv2.putText(
        cell, text, (8, side // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA
    )
    return cell


def _to_image(tensor: Tensor) -> Photo:
    """Convert (C, H, W) float from 0 to 1 to (H, W, C) uint8."""
    return (tensor.movedim(0, -1) * 255).round().to(torch.uint8).numpy()
