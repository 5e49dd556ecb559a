"""Compare the masks of altered photographs with those of the originals. For developers.

    python benchmarks/altered_photographs.py --data NAME:DIR... [--photographs N] [--jpeg QUALITY]

Margins, frame lines, labels, arrows and grey surrounds are added to each photograph, its colours
are changed, or several photographs are placed in one image. The script prints a Markdown table
with the worst values for each data set and alteration:

    fields compared         Number of compared fields of view.
    wrong number of fields  Number of these fields in images in which more or fewer fields of view
                            were detected.
    both masks              Lowest Dice between the mask of the original and that of the altered
                            photograph.
    manual                  Largest difference between the Dice of both masks, each against the
                            manual mask. A positive value is a loss. Painted pixels are not counted.
    surround                Largest number of vessel pixels more than 2 pixels outside the
                            original's field.

With `--jpeg`, the originals and the altered photographs are saved as JPEG files of this quality.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click
import cv2
import numpy as np

from alterations import Altered, Flags, compose, list_alterations
from edgeseg.datasets import LoadedPair, open_data
from edgeseg.errors import PhotoError
from edgeseg.evaluation.metrics import count_pixels
from edgeseg.field_of_view.detect import detect_fov
from edgeseg.imaging.arrays import Box, Mask, Photo
from edgeseg.imaging.photo import decode_photo
from edgeseg.segmenter import Segmenter

Row = tuple[str, str]  # data set and alteration

_GROUP = 4  # maximum number of photographs in one image, and in memory


class Original(NamedTuple):
    """Photograph with its vessels."""

    pair: LoadedPair
    mask: Mask
    surround: Flags


class Outcome(NamedTuple):
    """Differences between a photograph and its altered version."""

    fields_differ: bool
    both_masks: float
    loss: float
    surround: int


FAILED = Outcome(True, 0.0, 1.0, 0)


class Comparison:
    """Segmentation and comparison of originals and altered photographs.

    Args:
        segmenter: loaded model.
        quality: JPEG quality, or None for lossless pixels.
    """

    def __init__(self, segmenter: Segmenter, quality: int | None) -> None:
        self._segmenter = segmenter
        self._quality = quality

    def segment_original(self, pair: LoadedPair) -> Original:
        """Segment a photograph without alterations."""
        result = self._segmenter.segment(self._save(pair.photo))
        field = cv2.dilate(result.fov.mask, np.ones((5, 5), np.uint8))
        return Original(pair, result.mask, field == 0)

    def compare_altered(self, original: Original, altered: Altered) -> Outcome:
        """Compare a photograph with its altered version."""
        (outcome,) = self.compare_places(
            [original], altered.photo, [altered.place], altered.is_painted
        )
        return outcome

    def compare_places(
        self,
        originals: Sequence[Original],
        image: Photo,
        places: Sequence[Box],
        is_painted: bool = True,
    ) -> list[Outcome]:
        """Compare photographs with their boxes in an image that consists of several photographs."""
        try:
            result = self._segmenter.segment(self._save(image))
        except PhotoError:
            return [FAILED] * len(places)
        differ = len(result.inferred) != len(places)
        outside = cv2.countNonZero(result.mask) - sum(
            cv2.countNonZero(result.mask[place.rows, place.columns]) for place in places
        )
        outcomes: list[Outcome] = []
        for original, place in zip(originals, places, strict=True):
            mask = np.ascontiguousarray(result.mask[place.rows, place.columns])
            kept = np.full(mask.shape, 255, np.uint8)
            if is_painted:
                kept = find_kept(original.pair, image[place.rows, place.columns])
            both = count_pixels(mask, original.mask, kept).dice
            counted = kept if original.pair.counted is None else kept & original.pair.counted
            alone = count_pixels(original.mask, original.pair.truth, counted).dice
            loss = alone - count_pixels(mask, original.pair.truth, counted).dice
            on_surround = outside + int((mask[original.surround] > 0).sum())
            outcomes.append(Outcome(differ, both, loss, on_surround))
        return outcomes

    def _save(self, photo: Photo) -> Photo:
        if self._quality is None:
            return photo
        options = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        _, data = cv2.imencode(".jpg", photo[:, :, ::-1], options)
        return decode_photo(data.tobytes(), "altered photograph")


def find_kept(pair: LoadedPair, part: Photo) -> Mask:
    """Return the mask of the pixels that were not painted over, (H, W) uint8 {0, 255}."""
    kept: Mask = np.where((part == pair.photo).all(axis=2), np.uint8(255), np.uint8(0))
    return kept


@click.command()
@click.option(
    "--data", "specs", multiple=True, required=True, help="Data set, NAME:DIR. Repeatable."
)
@click.option("--photographs", type=click.IntRange(1), help="Number of photographs per data set.")
@click.option("--jpeg", "quality", type=click.IntRange(1, 100), help="Quality of JPEG files.")
@click.option("--kind", default="", help="Only alterations whose name contains this text.")
def main(specs: tuple[str, ...], photographs: int | None, quality: int | None, kind: str) -> None:
    """Compare the masks of altered photographs with those of the originals."""
    comparison = Comparison(Segmenter(), quality)
    outcomes: dict[Row, list[Outcome]] = defaultdict(list)
    for spec in specs:
        data = open_data(spec, "all")
        step = max(1, len(data.pairs) // (photographs or len(data.pairs)))
        pairs = data.pairs[::step][:photographs]
        for start in range(0, len(pairs), _GROUP):
            group = pairs[start : start + _GROUP]
            originals = [comparison.segment_original(pair.load()) for pair in group]
            for name, outcome in compare_group(comparison, originals, kind):
                outcomes[data.name, name].append(outcome)
    print_table(outcomes)


def compare_group(
    comparison: Comparison, originals: Sequence[Original], kind: str
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcomes of all alterations whose name contains `kind`."""
    for name, alter in list_alterations():
        for original in originals:
            if kind in name:
                altered = alter(original.pair.photo)
                yield name, comparison.compare_altered(original, altered)
    for first in range(len(originals)):
        four = [originals[(first + k) % len(originals)] for k in range(4)]
        for name, group, columns, gap in list_compositions(comparison, four):
            if kind in name:
                composed = compose([original.pair.photo for original in group], columns, gap)
                for outcome in comparison.compare_places(group, composed.photo, composed.places):
                    yield name, outcome


def list_compositions(
    comparison: Comparison, originals: Sequence[Original]
) -> Iterator[tuple[str, Sequence[Original], int, int]]:
    """Yield the name, the photographs, the number of columns and the gap of each composition."""
    two, three = originals[:2], originals[:3]
    sizes = [originals[0], comparison.segment_original(reduce_pair(originals[1].pair))]
    touching = [crop_to_field(original) for original in originals]
    yield "side by side", two, 2, 0
    yield "side by side, gap of 1 px", two, 2, 1
    yield "one above the other", two, 1, 0
    yield "three in a row", three, 3, 12
    yield "four at once", originals, 2, 0
    yield "different sizes", sizes, 2, 0
    yield "touching, side by side", touching[:2], 2, 0
    yield "touching, one above the other", touching[:2], 1, 0
    yield "touching, four at once", touching, 2, 0


def reduce_pair(pair: LoadedPair) -> LoadedPair:
    """Reduce a photograph and its masks to half of their width and height."""

    def reduce_mask(mask: Mask | None) -> Mask | None:
        return None if mask is None else np.ascontiguousarray(mask[::2, ::2])

    size = (len(pair.truth[0, ::2]), len(pair.truth[::2]))
    photo = np.asarray(cv2.resize(pair.photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    truth = np.ascontiguousarray(pair.truth[::2, ::2])
    return LoadedPair(photo, truth, reduce_mask(pair.fov), reduce_mask(pair.ignored))


def crop_to_field(original: Original) -> Original:
    """Crop a photograph, its masks and its vessels to the box of its field of view."""
    box = detect_fov(original.pair.photo).box
    rows, columns = box.rows, box.columns
    pair = original.pair
    cropped = LoadedPair(
        pair.photo[rows, columns],
        np.ascontiguousarray(pair.truth[rows, columns]),
        None if pair.fov is None else np.ascontiguousarray(pair.fov[rows, columns]),
    )
    mask = np.ascontiguousarray(original.mask[rows, columns])
    return Original(cropped, mask, original.surround[rows, columns])


def print_table(outcomes: dict[Row, list[Outcome]]) -> None:
    """Print the worst values for each data set and alteration as a Markdown table."""
    click.echo(
        "| data set | alteration | fields compared | wrong number of fields | both masks | "
        "manual | surround |"
    )
    click.echo("|---|---|---|---|---|---|---|")
    for (data_set, alteration), compared in outcomes.items():
        differ = sum(outcome.fields_differ for outcome in compared)
        both = min(outcome.both_masks for outcome in compared)
        loss = max((outcome.loss for outcome in compared), key=abs)
        surround = max(outcome.surround for outcome in compared)
        click.echo(
            f"| {data_set} | {alteration} | {len(compared)} | {differ} | {both:.3f} | "
            f"{loss:+.4f} | {surround} |"
        )


if __name__ == "__main__":
    main()
