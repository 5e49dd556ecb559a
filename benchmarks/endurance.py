"""Measure memory, descriptors and threads of `edgeseg run` over many frames. For developers.

    python benchmarks/endurance.py FRAMES [--samples N] [-- OPTIONS OF edgeseg run]

A Motion JPEG stream of small synthetic photographs is written to the standard input of `edgeseg
run`, which also writes the overlay video. Every frame must be segmented. The first tenth of the run
is the warm-up. After the warm-up, the memory may grow by `--growth` per cent plus the size of the
video's index. The exit code is 1 if the memory grows more, or if the number of descriptors or
threads grows.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice
from typing import BinaryIO, NamedTuple

import click
import psutil

from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.synthetic import generate_photo
from edgeseg_benchmarks.worker.process import child_environment, python_module

PHOTOGRAPHS = 16
SIDE = 256  # pixels
WARM_UP_SHARE = 0.1
INDEX_BYTES = 100  # FFmpeg keeps the index of a video, about 80 bytes per frame, in memory


class Usage(NamedTuple):
    """Resources of the process after a number of frames.

    Attributes:
        frames: number of frames that were segmented.
        memory_mb: resident memory.
        descriptors: number of open file descriptors.
        threads: number of threads.
    """

    frames: int
    memory_mb: float
    descriptors: int
    threads: int


@click.command()
@click.argument("frames", type=click.IntRange(20))
@click.option("--samples", type=click.IntRange(10), default=20, show_default=True)
@click.option("--growth", default=5.0, show_default=True, help="Allowed memory growth in per cent.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(frames: int, samples: int, growth: float, options: tuple[str, ...]) -> None:
    """Segment FRAMES frames of a stream and print the resources of the process."""
    click.echo("| frames | memory, MB | descriptors | threads |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        command = [*python_module("edgeseg.__main__"), "run", "-", "--json", "-o", folder, *options]
        rows = measure(command, frames, samples)
    problems = find_growth(rows, growth)
    click.echo("\n".join(problems) or "no growth after the warm-up")
    sys.exit(1 if problems else 0)


def measure(command: Sequence[str], frames: int, samples: int) -> list[Usage]:
    """Run a command on a stream and return its resources after every `frames / samples` frames.

    Args:
        command: `edgeseg run -` with `--json`.
        frames: number of frames.
        samples: number of measurements.

    Raises:
        click.ClickException: A frame was not segmented, or the command failed.
    """
    jpegs = [encode_jpeg(generate_photo(seed, SIDE).photo) for seed in range(PHOTOGRAPHS)]
    rows: list[Usage] = []
    pipe = subprocess.PIPE
    environment = child_environment()
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as child:
        assert child.stdin is not None and child.stdout is not None
        arguments = (child.stdin, jpegs, frames)
        threading.Thread(target=send_frames, args=arguments, daemon=True).start()
        process = psutil.Process(child.pid)
        step = frames // samples
        for number, line in enumerate(child.stdout, 1):
            record = json.loads(line)
            if record["status"] != "ok" or record["frame"] != number:
                child.kill()
                raise click.ClickException(f"frame {number} was not segmented: {line.decode()}")
            if number % step == 0:
                rows.append(read_usage(process, number))
                click.echo(format_row(rows[-1]))
    if child.returncode or not rows or rows[-1].frames < step * samples:
        raise click.ClickException(f"the stream ended early (exit code {child.returncode})")
    return rows


def send_frames(stream: BinaryIO, jpegs: Sequence[bytes], frames: int) -> None:
    """Write a stream of JPEG files. Consecutive files are different."""
    with suppress(BrokenPipeError), stream:
        for jpeg in islice(cycle(jpegs), frames):
            stream.write(jpeg)


def read_usage(process: psutil.Process, frames: int) -> Usage:
    """Measure a running process."""
    memory = process.memory_info().rss / 1e6
    return Usage(frames, memory, process.num_fds(), process.num_threads())


def format_row(usage: Usage) -> str:
    """Return a row of the table."""
    memory = f"{usage.memory_mb:.1f}"
    return f"| {usage.frames:,} | {memory} | {usage.descriptors} | {usage.threads} |"


def find_growth(rows: Sequence[Usage], limit: float) -> list[str]:
    """Compare the resources after the warm-up with the resources at the end.

    Args:
        rows: measurements in the order of their frames.
        limit: largest allowed growth of the memory in per cent, without the index of the video.

    Returns:
        One line per resource that grew; empty if no resource grew.
    """
    last = rows[-1]
    first = next(row for row in rows if row.frames >= WARM_UP_SHARE * last.frames)
    problems = []
    growth = last.memory_mb - first.memory_mb
    index = INDEX_BYTES * (last.frames - first.frames) / 1e6
    if growth > index + limit / 100 * first.memory_mb:
        problems.append(
            f"memory grew by {growth:.1f} MB (including {index:.1f} MB for the video's index)"
        )
    if last.descriptors > first.descriptors:
        problems.append(f"descriptors grew from {first.descriptors} to {last.descriptors}")
    if last.threads > first.threads:
        problems.append(f"threads grew from {first.threads} to {last.threads}")
    return problems


if __name__ == "__main__":
    main()
