"""Print the settings and the checks of a conversion."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import click
import msgspec
from rich.text import Text

from edgeseg.console import facts_table, print_line, print_table
from edgeseg.errors import CheckError
from edgeseg.evaluation.result import Check, EvaluationResult
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg_export.precision.build import ExportedFile
from edgeseg_export.source import SourceNetwork


def print_settings(source: SourceNetwork, checkpoint: Path) -> None:
    """Print all settings, including defaults, so that users notice missing options."""
    print_line(f"settings of {checkpoint}")
    print_table(facts_table(*_list_settings(source)), Text())


def _list_settings(source: SourceNetwork) -> Iterator[tuple[str, str]]:
    """List the settings. Preprocessing keys with their default value are marked."""
    yield "architecture", source.architecture
    yield "output", str(source.output)
    yield "input channels", source.input_channels
    for size in source.sizes:
        yield "threshold", f"{size.threshold:.4g} at {size.size} pixels"
    values = source.preprocessing.to_dict()
    for field in fields(PreprocessingConfig):
        if field.name == "size":
            yield "size", ", ".join(str(size.size) for size in source.sizes)
            continue
        is_default = getattr(source.preprocessing, field.name) == field.default
        suffix = "  (default)" if is_default else ""
        yield field.name, f"{values[field.name]}{suffix}"


def print_results(
    digest: str,
    source: SourceNetwork,
    references: Sequence[EvaluationResult],
    files: Sequence[ExportedFile],
    folder: Path | None,
) -> None:
    """Print the results of a conversion and report failed checks.

    Args:
        digest: SHA-256 of the checkpoint.
        source: converted network.
        references: scores of PyTorch.
        files: files with their checks.
        folder: output folder; tables are printed. None prints JSON.

    Raises:
        CheckError: A check failed, or a file could not be created.
    """
    if folder is None:
        _print_json(digest, source, references, files)
    else:
        _print_checks(files, folder)
    _raise_failed_checks(files)


def _print_json(
    digest: str,
    source: SourceNetwork,
    references: Sequence[EvaluationResult],
    files: Sequence[ExportedFile],
) -> None:
    """Print the output of `edgeseg convert --json`. Other programs depend on its format."""
    output = {
        "checkpoint_sha256": digest,
        "settings": {
            "architecture": source.architecture,
            "output": str(source.output),
            "input_channels": source.input_channels,
            "sizes": source.sizes,
            "preprocessing": source.preprocessing.to_dict(),
        },
        "references": list(map(EvaluationResult.to_dict, references)),
        "files": [file.result.to_dict() for file in files],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(output), indent=2))


def _print_checks(files: Sequence[ExportedFile], folder: Path) -> None:
    """Print a table of checks for each file, then the written files."""
    for file in files:
        print_table(file.result.to_check_table(), Text())
    is_complete = all(file.is_made for file in files)
    for file in files:
        if is_complete and file.result.passed:
            print_line(f"{folder / file.file.name}  {file.result.file_bytes / 1e6:.2f} MB")


def _raise_failed_checks(files: Sequence[ExportedFile]) -> None:
    """Report every failed check with its value and limit.

    Raises:
        CheckError: A check failed, or a file could not be created.
    """
    for file in files:
        if not file.is_made:
            raise CheckError(
                f"no file was written, because {file.file.name} could not be created "
                f"({file.result.checks[0].note}). Choose other values for --precision."
            )
    checks = [(file.file.name, check) for file in files for check in file.result.checks]
    failed = [f"{name}: {_describe_failure(check)}" for name, check in checks if not check]
    if failed:
        raise CheckError(f"not written, because a check failed: {'; '.join(failed)}")


def _describe_failure(check: Check) -> str:
    """Describe a failed check with its value and limit."""
    if check.value is None or check.limit is None:
        return f"{check.name} ({check.note})"
    return f"{check.name} {check.value:.3g}, limit {check.limit:.3g} ({check.note})"
