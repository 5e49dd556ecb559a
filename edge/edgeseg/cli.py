"""The command `edgeseg`: one table of verbs, each loaded when it is called.

`edgeseg --help` therefore loads neither ONNX Runtime nor OpenCV, and a verb whose extra is missing can say so.
"""

from __future__ import annotations

import errno
import importlib
import sys
import time
from contextlib import suppress
from typing import NamedTuple, NoReturn

import click

from edgeseg import process
from edgeseg._version import __version__
from edgeseg.errors import EdgesegError, SystemSetupError


class CommandEntry(NamedTuple):
    """Where a verb lives, the extra that it needs ("" for none), and its line in `edgeseg --help`."""

    place: str
    extra: str
    summary: str


COMMANDS = {
    "run": CommandEntry("edgeseg.commands.run:run", "", "Segment the vessels of photographs."),
    "evaluate": CommandEntry(
        "edgeseg.commands.evaluate:evaluate", "", "Score a model against manual masks."
    ),
    "info": CommandEntry(
        "edgeseg.commands.info:info", "", "Show what a model file says of itself."
    ),
    "doctor": CommandEntry(
        "edgeseg.commands.doctor.command:doctor",
        "",
        "Look at the device: what works on it, what run would take.",
    ),
    "draw": CommandEntry("edgeseg.commands.draw:draw", "", "Draw synthetic fundus photographs."),
    "bench": CommandEntry(
        "edgeseg_benchmarks.command:bench", "", "Measure models side by side on this device."
    ),
    "bundle": CommandEntry(
        "edgeseg.commands.bundle.command:bundle",
        "",
        "Collect wheels and models for a device without a network.",
    ),
    "gate": CommandEntry(
        "edgeseg_benchmarks.gate.command:gate", "", "Compare two benches: did it get worse."
    ),
    "convert": CommandEntry(
        "edgeseg_export.command:convert", "export", "Turn a checkpoint into checked ONNX files."
    ),
    "train": CommandEntry(
        "edgeseg_train.command:train", "train", "Train a network on photographs with masks."
    ),
}


STARTED = "edgeseg.started"
"""Key in click's `meta`: when the command was called (monotonic seconds), before a verb loaded anything heavy."""


class LazyCommands(click.Group):
    """Resolves a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the verb, or say which extra is missing."""
        verb = COMMANDS.get(cmd_name)
        if verb is None:
            return None
        try:
            return _load(cmd_name, verb)
        except EdgesegError as error:
            _end(ctx, error)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Verbs with their summaries, without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Print our errors in one line; leave tracebacks to bugs."""
        ctx.meta[STARTED] = time.monotonic()
        try:
            return super().invoke(ctx)
        except EdgesegError as error:
            _end(ctx, error)
        except KeyboardInterrupt:
            ctx.exit(130)
        except (
            BrokenPipeError
        ):  # as of a program that SIGPIPE ended; click would say 1, a bug's code
            ctx.exit(141)


def _end(ctx: click.Context, error: EdgesegError) -> NoReturn:
    click.echo(f"edgeseg: {error}", err=True)
    ctx.exit(error.exit_code)


def _load(name: str, verb: CommandEntry) -> click.Command:
    module, attribute = verb.place.split(":")
    try:
        with process.loading():
            command: object = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not verb.extra or (error.name or "").split(".")[0].startswith("edgeseg"):
            raise
        raise SystemSetupError(
            f"'edgeseg {name}' needs the extra '{verb.extra}' ({error.name} is not installed); "
            f"in the clone: pip install '.[{verb.extra}]', "
            f"with a wheel: pip install 'edgeseg-{__version__}-py3-none-any.whl[{verb.extra}]'"
        ) from error
    assert isinstance(command, click.Command)
    return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="edgeseg")
def cli() -> None:
    """Retinal vessel segmentation, from a PyTorch checkpoint to a Raspberry Pi or a Jetson."""


def main() -> None:
    """Entry point of the command."""
    try:
        try:
            cli(
                prog_name="edgeseg"
                if not sys.argv[0].endswith("__main__.py")
                else "python -m edgeseg"
            )
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            sys.exit(_tell_unwritable(error))
    except SystemExit as done:
        process.end(done.code)
        raise


_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Of a file that is to be written the message would have told, so it is what is printed that went nowhere."""


def _tell_unwritable(error: OSError) -> int:
    from edgeseg.system.files import write_errors_named  # noqa: PLC0415

    try:
        with write_errors_named("standard output"):
            raise error
    except SystemSetupError as told:
        with suppress(OSError):
            click.echo(f"edgeseg: {told}", err=True)
        return told.exit_code
