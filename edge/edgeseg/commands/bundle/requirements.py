"""Requirement files of a bundle: version constraints and hashes of the wheels."""

import operator
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from edgeseg.commands.bundle.checksums import BundleFile, hash_content
from edgeseg.errors import UsageError

CONSTRAINTS_IN_WHEEL = "edgeseg/commands/bundle/constraints.txt"
"""Copy of the clone's `constraints.txt` in edgeseg's wheel."""

_LINE = re.compile(
    r"(?P<pin>[A-Za-z0-9._-]+==[^\s;]+)"
    r"(?:\s*;\s*python_version (?P<operator><|==|>=) \"(?P<major>\d+)\.(?P<minor>\d+)\")?"
)
_OPERATORS = {"<": operator.lt, "==": operator.eq, ">=": operator.ge}


def read_constraints(own_wheel: Path) -> str:
    """Read the constraints in edgeseg's wheel.

    Raises:
        UsageError: The file is not a wheel of edgeseg, or contains no constraints.
    """
    try:
        with zipfile.ZipFile(own_wheel) as archive:
            return archive.read(CONSTRAINTS_IN_WHEEL).decode()
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UsageError(
            f"{own_wheel.name}: not a wheel of edgeseg, or it contains no constraints.txt. Build "
            "the wheel in a clone of the repository."
        ) from error


def select_constraints(constraints: str, python: str) -> list[str]:
    """Return the constraints that apply to a Python version, without markers.

    pip evaluates markers for the Python in which it runs, even if it downloads wheels for another
    version.

    Args:
        constraints: lines such as `numpy==2.2.6; python_version < "3.11"`.
        python: Python version of the device (`3.11`).

    Raises:
        UsageError: A line is invalid.
    """
    major, minor = python.split(".")
    device = (int(major), int(minor))
    selected: list[str] = []
    for text in constraints.splitlines():
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise UsageError(f"constraints.txt: invalid line {line[:60]!r}. Correct it.")
        if match["operator"] is not None:
            version = (int(match["major"]), int(match["minor"]))
            if not _OPERATORS[match["operator"]](device, version):
                continue
        selected.append(match["pin"])
    return selected


def write_requirements(
    wheels: Sequence[BundleFile], own_wheel: Path, extras_suffix: str
) -> list[BundleFile]:
    """Return the requirement files of a bundle. The files contain one line with a hash per wheel.

    Args:
        wheels: all wheels of the bundle.
        own_wheel: path or name of edgeseg's wheel.
        extras_suffix: extras to install (`[openvino]`); "" for none.

    Returns:
        `requirements.txt` with all wheels and `edgeseg.txt` with edgeseg's wheel only.
    """
    own_lines: list[str] = []
    other_lines: list[str] = []
    for path, content in wheels:
        file = Path(path).name
        name, version = file.split("-")[:2]
        is_own = file == own_wheel.name
        suffix = extras_suffix if is_own else ""
        line = f"{name}{suffix}=={version} --hash=sha256:{hash_content(content)}\n"
        (own_lines if is_own else other_lines).append(line)
    return [
        ("requirements.txt", "".join([*own_lines, *other_lines]).encode()),
        ("edgeseg.txt", "".join(own_lines).encode()),
    ]
