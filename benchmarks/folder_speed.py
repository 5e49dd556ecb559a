"""Compare the time of `edgeseg run` on a folder with the time of the image codecs alone.

    python benchmarks/folder_speed.py FOLDER [--count N] [--rounds N] [--baseline EDGESEG]

The time of the codecs alone is printed as `floor`. The floor is the CPU time of one thread that
decodes each photograph and encodes the same overlay and mask with the public functions of the codec
libraries. The script fails if these files differ from the files of `edgeseg run`. Text entries are
not compared.

If --baseline is given, the `edgeseg` command of another version is measured alternately on the same
files.
"""

import os
import shutil
import subprocess
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import cv2
import numpy as np
import simplejpeg

from edgeseg import Segmenter
from edgeseg.imaging.arrays import Mask, Photo
from edgeseg.imaging.photo import read_mask, read_photo_bytes
from edgeseg.run.inputs import collect_inputs
from edgeseg_benchmarks.worker.process import python_module

JPEG_HEADER_BYTES, PNG_HEADER_BYTES = 20, 33  # bytes before the inserted text


class FolderRun(NamedTuple):
    """Speed, CPU time and memory of a run on a folder.

    Attributes:
        per_second: photographs per second.
        core_ms: CPU time per photograph in milliseconds, user and system.
        peak_mb: peak resident memory.
    """

    per_second: float
    core_ms: float
    peak_mb: float


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--count", default=100, show_default=True, help="Number of photographs.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--baseline", metavar="EDGESEG", help="Command of another version of edgeseg.")
def main(folder: Path, count: int, rounds: int, baseline: str | None) -> None:
    """Measure the photographs in FOLDER. If there are fewer than --count, they are repeated."""
    commands = {"edgeseg run": python_module("edgeseg.__main__")}
    if baseline is not None:
        commands["baseline"] = [baseline]
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as temporary:
        photographs = Path(temporary) / "photographs"
        copy_photographs(folder, photographs, count)
        runs: dict[str, list[FolderRun]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                output = Path(temporary) / name
                shutil.rmtree(output, ignore_errors=True)
                runs[name].append(run_folder(command, photographs, output, count))
        outputs = [Path(temporary) / name for name in commands]
        floor_ms = measure_floor(photographs, outputs[0])
        different = count_different_masks(outputs[0], outputs[-1])
    medians = {
        name: FolderRun(*map(median, zip(*rounds_run, strict=True)))
        for name, rounds_run in runs.items()
    }
    for name, run in medians.items():
        click.echo(
            f"{name}: {run.per_second:.2f} photographs/s, {run.core_ms:.0f} core-ms per "
            f"photograph, peak memory {run.peak_mb:.0f} MB"
        )
    core_ms = medians["edgeseg run"].core_ms
    click.echo(f"floor: {floor_ms:.0f} core-ms; ratio {core_ms / floor_ms:.2f}")
    if baseline is not None:
        speedup = medians["edgeseg run"].per_second / medians["baseline"].per_second
        click.echo(f"speed-up over the baseline: {speedup:.2f}")
        click.echo(f"masks that differ from the baseline: {different} of {count}")


def copy_photographs(folder: Path, target: Path, count: int) -> None:
    """Create `count` files with distinct names by copying the photographs of a folder."""
    target.mkdir()
    paths = [item.path for item in collect_inputs([str(folder)]).inputs if item.path is not None]
    for number, path in enumerate(islice(cycle(paths), count)):
        shutil.copyfile(path, target / f"{number:05}_{path.name}")


def run_folder(command: list[str], photographs: Path, output: Path, count: int) -> FolderRun:
    """Run `edgeseg run` on a folder in a separate process."""
    start = time.perf_counter()
    arguments = [*command, "run", str(photographs), "-o", str(output)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(arguments)}: exit code {process.returncode}")
    core_ms = (usage.ru_utime + usage.ru_stime) / count * 1e3
    return FolderRun(count / wall_s, core_ms, usage.ru_maxrss / 1024)


def count_different_masks(output: Path, baseline: Path) -> int:
    """Return the number of masks in a folder that differ from the masks of another version."""
    different = 0
    for file in output.glob("*_vessels.png"):
        mask = read_mask(file)
        different += not np.array_equal(mask, read_mask(baseline / file.name))
    return different


def measure_floor(photographs: Path, output: Path) -> float:
    """Return the CPU time of the codecs in one thread, in milliseconds per photograph."""
    cv2.setNumThreads(1)
    segmenter = Segmenter()
    times_ms = []
    for item in collect_inputs([str(photographs)]).inputs:
        assert item.path is not None
        data = read_photo_bytes(item.path)
        segmentation = segmenter.segment(data)
        mask, overlay = segmentation.mask, segmentation.overlay()
        start = time.thread_time()
        decode(data)
        jpeg, png = encode(overlay, mask)
        times_ms.append((time.thread_time() - start) * 1e3)
        check_equal(jpeg, output / f"{item.stem}_overlay.jpg", JPEG_HEADER_BYTES)
        check_equal(png, output / f"{item.stem}_vessels.png", PNG_HEADER_BYTES)
    return sum(times_ms) / len(times_ms)


def decode(data: bytes) -> None:
    """Decode a photograph with the codec library that edgeseg uses for its format."""
    if data.startswith(b"\xff\xd8"):
        simplejpeg.decode_jpeg(data, "RGB", strict=True)
    else:
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def encode(overlay: Photo, mask: Mask) -> tuple[bytes, bytes]:
    """Encode an overlay as JPEG and a mask as PNG, as in edgeseg."""
    subsampling = "420" if max(overlay.shape) > 2048 else "444"
    jpeg: bytes = simplejpeg.encode_jpeg(overlay, 90, "RGB", subsampling)
    parameters = (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)
    return jpeg, cv2.imencode(".png", mask, parameters)[1].tobytes()


def check_equal(encoded: bytes, file: Path, header_bytes: int) -> None:
    """Check that a file is equal to the codec's output, except for text after the header."""
    data = file.read_bytes()
    header, rest = encoded[:header_bytes], encoded[header_bytes:]
    if not data.startswith(header) or not data.endswith(rest):
        raise click.ClickException(f"{file}: differs from the file of the codec library")


if __name__ == "__main__":
    main()
