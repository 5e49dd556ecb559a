"""The command `edgeseg` and its subcommands. A subcommand is loaded when it is called.

Therefore `edgeseg --help` loads neither ONNX Runtime nor OpenCV. If the extra of a command is not
installed, the error message can name the extra.
"""

import errno
import importlib
import os
import re
import sys
import time
from contextlib import suppress
from typing import NamedTuple, NoReturn

import click

from edgeseg._version import __version__
from edgeseg.errors import EdgesegError, SystemSetupError, escape_text, missing_extra
from edgeseg.system.files import write_errors_named


class CommandEntry(NamedTuple):
    """Entry of the command table.

    Attributes:
        place: `module:attribute` of the click command.
        extra: extra that the command requires; "" if it requires none.
        summary: one-line description in `edgeseg --help`.
    """

    place: str
    extra: str
    summary: str


COMMANDS = {
    "run": CommandEntry(
        "edgeseg.commands.run:run", "", "Segment vessels in photographs, videos and camera frames."
    ),
    "batch": CommandEntry(
        "edgeseg.commands.batch:batch", "", "Segment a cohort of photographs and write one table."
    ),
    "serve": CommandEntry(
        "edgeseg.commands.serve:serve", "web", "Serve a local web page and an HTTP API."
    ),
    "measure": CommandEntry(
        "edgeseg.commands.measure:measure", "", "Measure the vessels of existing masks."
    ),
    "evaluate": CommandEntry(
        "edgeseg.commands.evaluate:evaluate", "", "Score a model against manual masks."
    ),
    "info": CommandEntry("edgeseg.commands.info:info", "", "Show a model file's metadata."),
    "doctor": CommandEntry(
        "edgeseg.commands.doctor.command:doctor",
        "",
        "Diagnose this device, and show the model that run selects.",
    ),
    "train": CommandEntry(
        "edgeseg_train.command:train", "train", "Train a network on photographs with masks."
    ),
    "label": CommandEntry(
        "edgeseg_train.teacher:label", "train", "Compute soft labels for training with a teacher."
    ),
    "convert": CommandEntry(
        "edgeseg_export.command:convert", "export", "Convert a checkpoint to verified ONNX files."
    ),
    "bench": CommandEntry(
        "edgeseg_benchmarks.command:bench",
        "",
        "Measure latency, memory and Dice of models on this device.",
    ),
    "gate": CommandEntry(
        "edgeseg_benchmarks.gate.command:gate",
        "",
        "Compare two benchmark reports and fail on regressions.",
    ),
    "bundle": CommandEntry(
        "edgeseg.commands.bundle.command:bundle",
        "",
        "Collect wheels and models for an offline device.",
    ),
    "draw": CommandEntry(
        "edgeseg.commands.draw:draw", "", "Generate synthetic fundus photographs with masks."
    ),
}

TUNE_FUNCTION = "edgeseg_benchmarks.tune:tune"
"""`module:attribute` of the function that `edgeseg doctor --tune` calls."""

STARTED = "edgeseg.started"
"""Key in click's `meta` for the start time of the command, in monotonic seconds."""

_OUT_OF_MEMORY = "not enough memory. Free some memory or raise the limit (`ulimit -v`)."
_MEMORY_SYMPTOM = re.compile("can't start new thread|failed to map segment|annot allocate memory")
"""Pattern of the errors of Python and the dynamic loader if the address space is exhausted."""

_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Error numbers of failed writes to standard output, such as a full disk. Failed writes of result
files are handled where the files are written."""


def load_attribute(place: str) -> object:
    """Import `module:attribute` and return the attribute."""
    module, attribute = place.split(":")
    return getattr(importlib.import_module(module), attribute)


class LazyCommands(click.Group):
    """Group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command, or report the missing extra."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        try:
            return _load_command(cmd_name, entry)
        except EdgesegError as error:
            _exit_with_error(ctx, error)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their summaries. The commands are not loaded."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options of the group. `--help` and `--version` print here, before `invoke`."""
        try:
            return super().parse_args(ctx, args)
        except BrokenPipeError:
            ctx.exit(141)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command and print edgeseg's errors in one line.

        A traceback is printed only for a bug.
        """
        ctx.meta[STARTED] = time.monotonic()
        try:
            return super().invoke(ctx)
        except EdgesegError as error:
            _exit_with_error(ctx, error)
        except click.ClickException as error:  # the message may contain an argument or a file name
            vars(error)["message"] = escape_text(error.message)
            raise
        except MemoryError:
            _exit_with_error(ctx, SystemSetupError(_OUT_OF_MEMORY))
        except (ImportError, RuntimeError) as error:
            if not _MEMORY_SYMPTOM.search(str(error)):
                raise
            _exit_with_error(ctx, SystemSetupError(_OUT_OF_MEMORY))
        except KeyboardInterrupt:
            ctx.exit(130)
        except BrokenPipeError:  # exit code of SIGPIPE instead of click's 1
            ctx.exit(141)


def _exit_with_error(ctx: click.Context, error: EdgesegError) -> NoReturn:
    click.echo(f"edgeseg: {escape_text(str(error))}", err=True)
    ctx.exit(error.exit_code)


def _load_command(name: str, entry: CommandEntry) -> click.Command:
    try:
        command = load_attribute(entry.place)
    except ModuleNotFoundError as error:
        if not entry.extra or (error.name or "").startswith("edgeseg"):
            raise
        raise missing_extra(f"'edgeseg {name}'", entry.extra, str(error.name)) from error
    assert isinstance(command, click.Command)
    return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="edgeseg")
def cli() -> None:
    """Retinal vessel segmentation, from a PyTorch checkpoint to a Raspberry Pi or a Jetson."""


def main() -> None:
    """Run the command and exit with a documented code."""
    try:
        cli(prog_name="python -m edgeseg" if sys.argv[0].endswith("__main__.py") else "edgeseg")
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS:
            raise
        sys.exit(_report_output_error(error))
    finally:
        _discard_unwritable_output()


def _report_output_error(error: OSError) -> int:
    try:
        with write_errors_named("standard output"):
            raise error
    except SystemSetupError as named:
        with suppress(OSError):
            click.echo(f"edgeseg: {escape_text(str(named))}", err=True)
        return named.exit_code


def _discard_unwritable_output() -> None:
    """Discard output that cannot be written. Otherwise Python retries at exit and returns 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # disk full, pipe closed, stream closed
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
