"""Kill commands with SIGKILL at random times and check the remaining files. For developers.

    python benchmarks/kill_test.py KILLS [--seed S] [--command NAME]

Each command is first run without interruption. Then it is started and killed repeatedly, with
`--resume` if the command has this option. After every kill, each file with a final name must be
complete. At the end, the command is run again without interruption. The files must be equal to the
files of the first run. Otherwise the exit code is 1.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import click
import cv2
import torch

from edgeseg.errors import EdgesegError
from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.imaging.file_text import is_intact_jpeg
from edgeseg.imaging.png_check import is_intact_png
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg.synthetic import generate_photo
from edgeseg_benchmarks.worker.process import child_environment, python_module
from edgeseg_train.checkpoint import save_checkpoint
from edgeseg_train.reporting.log import read_log
from edgeseg_train.tensor_file import read_tensors
from fuzz.sample_models import make_checkpoint, make_model_file

SIZE = 64  # working size of the network, in pixels
PHOTOGRAPHS = 8
FRAMES = 40
SIDE = 256  # size of the photographs, in pixels
IGNORED = (".", "events.")  # temporary files, and the log of TensorBoard (grows during the run)

Files: TypeAlias = dict[str, bytes]
Check: TypeAlias = Callable[[Path, bytes], str]
"""Function that checks a file against its content in the uninterrupted run.

It returns a description of the problem, or "".
"""


@dataclass(frozen=True)
class KilledCommand:
    """Command that is killed at random times.

    Attributes:
        arguments: arguments of `edgeseg`, without the output folder.
        output: option for the output folder.
        check: check of a file after a kill.
        compare: check of a file after the last run; None if two uninterrupted runs also differ.
        stdin: file for standard input.
    """

    arguments: tuple[str, ...]
    output: str
    check: Check
    compare: Check | None
    stdin: Path | None = None

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start the command in a separate process group."""
        command = [*python_module("edgeseg.__main__"), *self.arguments, self.output, str(folder)]
        with Path(self.stdin or os.devnull).open("rb") as stdin:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=child_environment() | {"EDGESEG_CHOICES": ""},
                start_new_session=True,
            )

    def finish(self, folder: Path) -> float:
        """Run the command to its end and return its time in seconds.

        Raises:
            click.ClickException: The command failed.
        """
        start = time.monotonic()
        code = self.start(folder).wait()
        if code:
            raise click.ClickException(f"exit code {code}: edgeseg {' '.join(self.arguments)}")
        return time.monotonic() - start


def read_files(folder: Path) -> Files:
    """Return a dict from relative path to content, including hidden files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check_equal(file: Path, expected: bytes) -> str:
    """Check that a file is equal to the file of the uninterrupted run."""
    return "" if file.read_bytes() == expected else "differs"


def check_result(file: Path, expected: bytes) -> str:
    """Check a file against the uninterrupted run. The last rows of a table may be missing."""
    if file.suffix != ".csv":
        return check_equal(file, expected)
    content = file.read_bytes()
    is_beginning = expected.startswith(content) and content.endswith(b"\n")
    return "" if is_beginning else "differs"


def check_image(file: Path, _expected: bytes) -> str:
    """Check that a mask, an overlay or an overlay video is complete."""
    if file.suffix == ".mp4":
        capture = cv2.VideoCapture(str(file))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        read = 0
        while capture.read()[0]:
            read += 1
        return "" if 0 < read == count else f"{read} of {count} frames"
    is_intact = is_intact_jpeg if file.suffix == ".jpg" else is_intact_png
    return "" if is_intact(file) else "incomplete"


def check_training(file: Path, _expected: bytes) -> str:
    """Check that a checkpoint or a log can be read."""
    try:
        if file.suffix == ".pt":
            read_tensors(file)
        elif file.suffix == ".csv":
            read_log(file, sys.maxsize)
        else:
            return "" if cv2.imread(str(file)) is not None else "incomplete"
    except EdgesegError as error:
        return str(error)
    return ""


def compare_training(file: Path, expected: bytes) -> str:
    """Compare the weights of a checkpoint. Times in `last.pt` and in the log are ignored."""
    if file.suffix != ".pt":
        return ""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, file.name)
        other.write_bytes(expected)
        return "" if _weights_equal(read_tensors(file), read_tensors(other)) else "differs"


def _weights_equal(value: object, other: object) -> bool:
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(value, other)
    if isinstance(value, dict) and isinstance(other, dict):
        return all(_weights_equal(value[key], other[key]) for key in value)
    return True


def prepare_commands(folder: Path) -> Mapping[str, KilledCommand]:
    """Write photographs, a checkpoint and a model, and return the commands."""
    config = preprocessing_preset("edge", SIZE)
    model, checkpoint = folder / "tiny.fp32.onnx", folder / "tiny.pt"
    model.write_bytes(make_model_file(config))
    save_checkpoint(make_checkpoint(config), checkpoint)
    photographs, pairs = folder / "photographs", folder / "pairs"
    for part in (photographs, pairs / "images", pairs / "masks"):
        part.mkdir(parents=True)
    jpegs = []
    for number in range(PHOTOGRAPHS):
        eye = generate_photo(number, SIDE)
        jpegs.append(encode_jpeg(eye.photo))
        (photographs / f"eye{number}.png").write_bytes(encode_png(eye.photo))
        (pairs / "images" / f"eye{number}.png").write_bytes(encode_png(eye.photo))
        (pairs / "masks" / f"eye{number}.png").write_bytes(encode_png(eye.truth))
    split = ["stem,split", *(f"eye{n},{'train' if n % 2 else 'validation'}" for n in range(8))]
    (pairs / "split.csv").write_text("\n".join(split))
    stream = folder / "stream.mjpeg"
    stream.write_bytes(b"".join(jpegs * (FRAMES // PHOTOGRAPHS)))
    return list_commands(folder, model, checkpoint)


def list_commands(folder: Path, model: Path, checkpoint: Path) -> Mapping[str, KilledCommand]:
    """Return a dict from name to command."""
    run = ("run", "--model", str(model))
    options = ("--resume", "--probability", "--measures")
    train = ("train", "--data", f"pairs:{folder / 'pairs'}", "--arch", "tiny", "--size", str(SIZE))
    length = ("--crop", "64", "--epochs", "20", "--arithmetic", "float32", "--resume")
    return {
        "run": KilledCommand(
            (*run, str(folder / "photographs"), *options), "-o", check_result, check_equal
        ),
        "stream": KilledCommand(
            (*run, "-", "--frames"), "-o", check_image, None, folder / "stream.mjpeg"
        ),
        "batch": KilledCommand(
            ("batch", str(folder / "photographs"), "--model", str(model), "--resume", "--measures"),
            "-o",
            check_result,
            check_equal,
        ),
        "convert": KilledCommand(
            ("convert", str(checkpoint), "--precision", "fp32,fp16w"),
            "-o",
            check_equal,
            check_equal,
        ),
        "train": KilledCommand((*train, *length), "--out", check_training, compare_training),
    }


def kill_repeatedly(command: KilledCommand, kills: int, rng: random.Random) -> list[str]:
    """Kill a command at random moments and check its files.

    Args:
        command: command to kill.
        kills: number of kills. If the process ends before it is killed, it is started again.
        rng: random generator.

    Returns:
        Problems, one line each.
    """
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as temporary:
        folder = Path(temporary, "out")  # all runs use the same path, because job files contain it
        seconds = command.finish(folder)
        expected = read_files(folder)
        shutil.rmtree(folder)
        done = 0
        while done < kills:
            if kill_once(command, folder, rng.uniform(0, seconds)):
                done += 1
                problems += check_files(folder, expected, command.check)
            else:
                shutil.rmtree(folder)
        command.finish(folder)
        problems += check_files(folder, expected, command.compare or command.check)
        left = {name for name in read_files(folder) if Path(name).name.startswith(".")}
        missing = expected.keys() - read_files(folder).keys() if command.compare else set()
        missing = {name for name in missing if not name.startswith(IGNORED)}
        problems += [f"{name}: temporary file" for name in sorted(left)]
        problems += [f"{name}: missing" for name in sorted(missing)]
    return problems


def kill_once(command: KilledCommand, folder: Path, delay: float) -> bool:
    """Start a command, and kill it and its children after a delay.

    Return False if the command ended before the delay.
    """
    with command.start(folder) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        if process.poll() is not None:
            return False
        os.killpg(process.pid, signal.SIGKILL)
    return True


def check_files(folder: Path, expected: Files, check: Check) -> list[str]:
    """Check every file that is not hidden. Return the problems, one line each."""
    problems = []
    for name in read_files(folder):
        if name.startswith(IGNORED):
            continue
        if problem := check(folder / name, expected.get(name, b"")):
            problems.append(f"{name}: {problem}")
    return problems


@click.command()
@click.argument("kills", type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@click.option("--command", "names", multiple=True, help="Name of a command. Repeatable.")
def main(kills: int, seed: int, names: tuple[str, ...]) -> None:
    """Run commands and kill them KILLS times in total."""
    failed = False
    click.echo("| command | kills | problems |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        commands = prepare_commands(Path(folder))
        selected = names or tuple(commands)
        for number, name in enumerate(selected):
            count = kills // len(selected) + (number < kills % len(selected))
            problems = kill_repeatedly(commands[name], count, random.Random(f"{seed} {name}"))  # noqa: S311
            failed |= bool(problems)
            click.echo(f"| {name} | {count} | {'; '.join(problems) or 'none'} |")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
