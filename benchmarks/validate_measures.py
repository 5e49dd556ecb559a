"""Validate the vessel measurements on real photographs. For developers.

    python benchmarks/validate_measures.py --data-root DIR [--arteries FILE] [--part PART]...

This script prints Markdown tables for docs/measures-validation.md. The parts are `agreement`
(prediction and second observer compared with the manual mask), `repeatability`, `synthetic`,
`expert` and `time`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from edgeseg.datasets import LoadedPair, open_data, read_second_observer_mask
from edgeseg.errors import EdgesegError
from edgeseg.field_of_view.detect import FieldOfView
from edgeseg.imaging.arrays import Box, Photo
from edgeseg.imaging.photo import decode_photo
from edgeseg.measures import Measures, measure_vessels
from edgeseg.measures.curves import Curves
from edgeseg.measures.tortuosity import measure_tortuosity
from edgeseg.segmenter import Segmenter
from edgeseg.synthetic import generate_photo
from edgeseg.synthetic.noise import random_generator
from edgeseg.synthetic.scene import compose_scene
from edgeseg.synthetic.vessel_tree import grow_vessels
from synthetic_truth import exact_steps

Floats = npt.NDArray[np.float64]
Table = list[dict[str, float]]

FOLDERS = {"drive": "DRIVE", "stare": "STARE", "chasedb1": "CHASEDB1", "hrf": "HRF"}
REPEATED = ("drive", "chasedb1", "hrf")
MEASURES = (
    "vessel_density",
    "skeleton_density_rel",
    "width_mean_rel",
    "width_median_rel",
    "width_p10_rel",
    "width_p90_rel",
    "fractal_dimension_skeleton",
    "fractal_dimension_mask",
    "tortuosity_arc_chord_mean",
    "tortuosity_rms_curvature_mean_rel",
    "tortuosity_curvature_mean_rel",
    "branching_point_density_rel",
    "end_point_density_rel",
    "segment_length_mean_rel",
)
SHOWN = (
    "vessel_density",
    "skeleton_density_rel",
    "width_mean_rel",
    "fractal_dimension_skeleton",
    "fractal_dimension_mask",
    "branching_point_density_rel",
)
CHANGES: dict[str, Callable[[Photo], Photo]] = {}


def change(name: str) -> Callable[[Callable[[Photo], Photo]], Callable[[Photo], Photo]]:
    """Register a change of a photograph that should not affect the measurements."""

    def register(function: Callable[[Photo], Photo]) -> Callable[[Photo], Photo]:
        CHANGES[name] = function
        return function

    return register


@change("JPEG 70")
def encode_again(photo: Photo) -> Photo:
    """Encode the photograph as JPEG with quality 70, and decode it."""
    data = cv2.imencode(".jpg", photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    return decode_photo(data.tobytes())


@change("20 % darker")
def darken(photo: Photo) -> Photo:
    """Multiply the grey levels by 0.8."""
    return np.asarray(np.rint(photo * 0.8), np.uint8)


@change("rescaled to 0.7")
def rescale(photo: Photo) -> Photo:
    """Reduce width and height to 0.7 of the original."""
    smaller = cv2.resize(photo, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8)


@change("shifted by 5 and 3 px")
def shift(photo: Photo) -> Photo:
    """Shift the photograph to the right and down. The border is black."""
    matrix = np.array([[1, 0, 5], [0, 1, 3]], np.float32)
    size = (photo.shape[1], photo.shape[0])
    return np.asarray(cv2.warpAffine(photo, matrix, size), np.uint8)


@change("mild blur")
def blur(photo: Photo) -> Photo:
    """Blur the photograph with a standard deviation of 1/1000 of the longer side."""
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), max(photo.shape) / 1000), np.uint8)


def figures(measures: Measures) -> dict[str, float]:
    """Return the measurements to compare. Unknown values are NaN."""
    values = {} if measures.values is None else msgspec.structs.asdict(measures.values)
    values["vessel_density"] = measures.vessel_density
    row: dict[str, float] = {}
    for name in MEASURES:
        value = values.get(name)
        row[name] = float("nan") if value is None else value
    return row


def compare(first: Table, second: Table, name: str) -> tuple[float, float, float, float]:
    """Return the first table's mean, the mean and mean absolute difference, and the correlation."""
    before = np.array([row[name] for row in first])
    after = np.array([row[name] for row in second])
    known = ~np.isnan(before) & ~np.isnan(after)
    before, after = before[known], after[known]
    difference = after - before
    correlation = float(np.corrcoef(before, after)[0, 1])
    return (
        float(before.mean()),
        float(difference.mean()),
        float(np.abs(difference).mean()),
        correlation,
    )


def intraclass_correlation(first: Floats, second: Floats) -> float:
    """Return ICC(2,1): two-way random effects, absolute agreement, single measurement."""
    scores = np.stack([first, second], 1)
    count, raters = scores.shape
    grand = scores.mean()
    rows = raters * np.square(scores.mean(1) - grand).sum() / (count - 1)
    columns = count * np.square(scores.mean(0) - grand).sum() / (raters - 1)
    residual = scores - scores.mean(1, keepdims=True) - scores.mean(0) + grand
    error = np.square(residual).sum() / ((count - 1) * (raters - 1))
    total = rows + (raters - 1) * error + raters * (columns - error) / count
    return float((rows - error) / total)


def published_field(loaded: LoadedPair, segmenter: Segmenter) -> FieldOfView:
    """Return the published field of view, or the detected one if none is published."""
    if loaded.fov is None:
        return segmenter.detect_fields(loaded.photo)[0]
    return FieldOfView(loaded.fov, Box(*cv2.boundingRect(loaded.fov)))


def measure_agreement(root: Path, name: str, segmenter: Segmenter) -> Iterator[str]:
    """Yield rows that compare the prediction and the second observer with the manual masks."""
    manual: Table = []
    predicted: Table = []
    observed: list[tuple[dict[str, float], dict[str, float]]] = []
    for pair in open_data(f"{name}:{root / FOLDERS[name]}", "test").pairs:
        loaded = pair.load()
        field = published_field(loaded, segmenter)
        truth = figures(measure_vessels(loaded.truth, field))
        prediction = segmenter.segment(loaded.photo).mask
        manual.append(truth)
        predicted.append(figures(measure_vessels(prediction, field)))
        try:
            second = read_second_observer_mask(pair, loaded.photo)
        except EdgesegError:
            continue
        observed.append((truth, figures(measure_vessels(second, field))))
    for measure in SHOWN:
        mean, bias, absolute, correlation = compare(manual, predicted, measure)
        cells = [name, measure, f"{mean:.4g}", f"{bias:+.3g}", f"{absolute:.3g}"]
        cells.append(f"{correlation:.2f}")
        if observed:
            first, second_rows = [list(rows) for rows in zip(*observed, strict=True)]
            _, bias, absolute, correlation = compare(first, second_rows, measure)
            cells += [f"{bias:+.3g}", f"{absolute:.3g}", f"{correlation:.2f}"]
        else:
            cells += ["", "", ""]
        yield f"| {' | '.join(cells)} |"


def measure_repeatability(root: Path, name: str, segmenter: Segmenter) -> Iterator[str]:
    """Yield a row per measurement with the intraclass correlation under each change."""
    tables: dict[str, Table] = {label: [] for label in ("", *CHANGES)}
    for pair in open_data(f"{name}:{root / FOLDERS[name]}", "test").pairs:
        photo = pair.load().photo
        tables[""].append(figures(segmenter.segment(photo).measures()[0]))
        for label, function in CHANGES.items():
            changed = np.ascontiguousarray(function(photo))
            tables[label].append(figures(segmenter.segment(changed).measures()[0]))
    for measure in MEASURES:
        cells = [name, measure]
        before = np.array([row[measure] for row in tables[""]])
        for label in CHANGES:
            after = np.array([row[measure] for row in tables[label]])
            cells.append(f"{intraclass_correlation(before, after):.3f}")
        yield f"| {' | '.join(cells)} |"


def measure_synthetic(seeds: Sequence[int], size: int) -> Iterator[str]:
    """Yield a row per synthetic photograph with measured and exact width and length."""
    for seed in seeds:
        photo = generate_photo(seed, size)
        scene = compose_scene(random_generator(seed, "scene"))
        trees = grow_vessels(scene, random_generator(seed, "tree"))
        length, width = exact_steps(trees, scene, photo.fov)
        values = measure_vessels(photo.truth, photo.fov).values
        assert values is not None
        assert values.width_mean_px is not None
        assert values.total_length_px is not None
        exact = float(np.average(width, weights=length))
        yield (
            f"| {seed} | {exact:.2f} | {values.width_mean_px:.2f} | "
            f"{values.width_mean_px / exact - 1:+.1%} | {length.sum():.0f} | "
            f"{values.total_length_px:.0f} | {values.total_length_px / length.sum() - 1:+.1%} |"
        )


def rank_arteries(file: Path) -> Iterator[str]:
    """Yield Spearman's correlation of each tortuosity with the expert's ranking."""
    table = np.genfromtxt(file, delimiter=",", skip_header=1)
    exact: Table = []
    drawn: Table = []
    for rank in np.unique(table[:, 1]):
        line = table[table[:, 1] == rank][:, 2:]
        curve = Curves(line, np.array([len(line)]), np.array([False]))
        tortuosity = measure_tortuosity(curve, 1300)
        exact.append({name: float(value[0]) for name, value in tortuosity._asdict().items()})
        mask = np.zeros((1300, 1300), np.uint8)
        points = np.rint((line - line.min(0) + 100) * 16).astype(np.int32)
        cv2.polylines(mask, [points], False, 255, 9, cv2.LINE_8, 4)
        values = measure_vessels(mask, np.ones_like(mask)).values
        assert values is not None
        names = ("arc_chord_mean", "rms_curvature_mean_rel", "curvature_mean_rel")
        measured = [getattr(values, f"tortuosity_{name}") for name in names]
        drawn.append(dict(zip(tortuosity._fields, measured, strict=True)))
    for name in exact[0]:
        cells = [name, f"{_spearman(exact, name):.3f}", f"{_spearman(drawn, name):.3f}"]
        yield f"| {' | '.join(cells)} |"


def _spearman(table: Table, name: str) -> float:
    ranks = np.argsort(np.argsort([row[name] for row in table]))
    return float(np.corrcoef(ranks, np.arange(len(table)))[0, 1])


def time_mask(root: Path, rounds: int) -> str:
    """Return the CPU time for measuring a manual mask of 2048x2048 pixels on one core."""
    cv2.setNumThreads(1)
    data = open_data(f"chasedb1:{root / FOLDERS['chasedb1']}", "test")
    mask = cv2.resize(data.pairs[0].load().truth, (2048, 2048), interpolation=cv2.INTER_LINEAR)
    binary = np.where(mask > 127, np.uint8(255), np.uint8(0))
    fov = np.zeros_like(binary)
    cv2.circle(fov, (1024, 1024), 1000, 255, -1)
    times: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        measure_vessels(binary, fov)
        times.append(time.process_time() - start)
    return f"{1e3 * min(times):.0f} ms (fastest of {rounds})"


PARTS = ("agreement", "repeatability", "synthetic", "expert", "time")


@click.command()
@click.option("--data-root", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--arteries", type=click.Path(path_type=Path, exists=True))
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS)
@click.option("--data", "names", type=click.Choice(tuple(FOLDERS)), multiple=True)
def main(
    data_root: Path, arteries: Path | None, parts: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """Print the tables of docs/measures-validation.md."""
    segmenter = Segmenter()
    for name in names or tuple(FOLDERS):
        if "agreement" in parts:
            for row in measure_agreement(data_root, name, segmenter):
                click.echo(row)
        if "repeatability" in parts and name in REPEATED:
            for row in measure_repeatability(data_root, name, segmenter):
                click.echo(row)
    if "synthetic" in parts:
        for row in measure_synthetic(range(1, 7), 2048):
            click.echo(row)
    if "expert" in parts and arteries is not None:
        for row in rank_arteries(arteries):
            click.echo(row)
    if "time" in parts:
        click.echo(time_mask(data_root, 9))


if __name__ == "__main__":
    main()
