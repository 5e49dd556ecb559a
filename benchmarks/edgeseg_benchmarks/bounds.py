"""The bounds that a bench shows: what the first row's model costs against yardsticks, on drawn photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from edgeseg.errors import EdgesegError, one_line
from edgeseg.imaging.arrays import Photo
from edgeseg.system.files import write_atomically
from edgeseg_benchmarks import yardsticks
from edgeseg_benchmarks.record.bound import Bound
from edgeseg_benchmarks.rows import PEER, RowSpec
from edgeseg_benchmarks.worker.affinity import pinned
from edgeseg_benchmarks.worker.client import RowError, WorkerProcess
from edgeseg_benchmarks.worker.cold_start import run_options
from edgeseg_benchmarks.yardsticks import Pace

COMMANDS, HELP = Pace(0, 3, 11, 4.0), Pace(0, 3, 11, 2.0)
FRAME, MEMORY = Pace(1, 5, 21, 2.0), Pace(0, 1, 3, 2.0)
"""Few rounds, so that a slow board spends less than half a minute on all of them."""
SMALL, LARGE = (584, 584), (3504, 2336)
"""Width and height in pixels: about DRIVE's, to start on, and HRF's, for memory."""


def bounds(
    candidate: RowSpec,
    drawn: Path,
    timeout_s: float,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Bound, ...]:
    """What a row costs against its yardsticks; nothing where `edgeseg run` does not know its runtime.

    Args:
        candidate: a row, whose file, runtime and threads are taken.
        drawn: a photograph; a smaller and a larger one are made of it, beside it.
        timeout_s: for one process.
        note: told what is going on, in a few words each time.
    """
    if candidate.key.runtime == PEER:
        return ()
    options, by = run_options(candidate), f", by the {candidate.key.precision} file"
    steps: tuple[tuple[Bound, str, Callable[[], Bound]], ...] = (
        (
            yardsticks.FRAME,
            f"the drawn photograph, decoded{by}",
            lambda: _frame(candidate, drawn, timeout_s),
        ),
        (
            yardsticks.START,
            _told(SMALL) + by,
            lambda: yardsticks.start(small(drawn), COMMANDS, options, timeout_s),
        ),
        (
            yardsticks.MEMORY,
            _told(LARGE) + by,
            lambda: yardsticks.memory(large(drawn), MEMORY, options, timeout_s),
        ),
        (yardsticks.HELP, "", lambda: yardsticks.usage(HELP, timeout_s)),
    )
    found = []
    with pinned(candidate.key.threads):
        for bound, on, measure in steps:
            note(f"bound: {bound.name}")
            found.append(replace(_tried(bound, measure), note=on))
    return tuple(found)


def small(drawn: Path) -> Path:
    """A small PNG of the drawn photograph, beside it."""
    from edgeseg.imaging.photo import encode_png, read_photo

    file = drawn.with_name("small.png")
    write_atomically(file, encode_png(_covering(read_photo(drawn), SMALL)))
    return file


def large(drawn: Path) -> Path:
    """A large JPEG of the drawn photograph, beside it, whose circle is cut as HRF's cameras cut it."""
    import cv2

    from edgeseg.imaging.photo import read_photo

    file = drawn.with_name("large.jpg")
    # A PNG's bytes would be 6 MB of the memory; cameras of this size give a JPEG.
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(_covering(read_photo(drawn), LARGE), cv2.COLOR_RGB2BGR)
    )
    write_atomically(file, data.tobytes())
    return file


def _covering(photo: Photo, size: tuple[int, int]) -> Photo:
    """A square photograph scaled to a width, its middle rows, (height, width, 3)."""
    import cv2
    import numpy as np

    width, height = size
    smooth = cv2.INTER_AREA if width < photo.shape[1] else cv2.INTER_CUBIC
    top = (width - height) // 2
    return np.asarray(
        cv2.resize(photo, (width, width), interpolation=smooth)[top : top + height], np.uint8
    )


def _told(size: tuple[int, int]) -> str:
    return f"a drawn photograph of {size[0]}x{size[1]}"


def _frame(candidate: RowSpec, photograph: Path, timeout_s: float) -> Bound:
    """In a process of its own."""
    process = WorkerProcess(timeout_s)
    try:
        request = {
            "do": "frame",
            "photograph": str(photograph),
            "file": str(candidate.file),
            "runtime": candidate.key.runtime,
            "threads": candidate.key.threads,
            "pace": asdict(FRAME),
        }
        return Bound.from_fields(process.ask(request))
    finally:
        process.close()


def _tried(bound: Bound, measure: Callable[[], Bound]) -> Bound:
    """One that fails says why, and the others go on."""
    try:
        return measure()
    except (EdgesegError, RowError, ValueError, OSError) as error:
        return replace(bound, status=one_line(error))
