"""Content of a bundle: wheels and the install script.

pip opens network connections to download the wheels.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from edgeseg.commands.bundle.requirements import read_constraints, select_constraints
from edgeseg.errors import SystemSetupError, UsageError

Platform: TypeAlias = Literal["linux-aarch64", "linux-x86_64"]

# Minor versions of glibc 2 that a wheel may require: 2.17 (manylinux2014) to 2.28 (Debian 10).
# Supported boards have a newer glibc.
_OLDEST_LIBC = 17
_NEWEST_LIBC = 28

_PIP_CRASH = 2
"""Exit code of pip for unexpected errors, such as a broken connection. pip is run once more."""

_SCRIPT = Path(__file__).with_name("install.sh")


class DirectUrl(msgspec.Struct):
    """Fields that are read from pip's `direct_url.json`."""

    url: str


@dataclass(frozen=True)
class Target:
    """Target device of a bundle.

    Attributes:
        platform: operating system and architecture.
        python: Python version (`3.11`).
        extras: extras to install.
    """

    platform: Platform
    python: str
    extras: tuple[str, ...] = ()

    @property
    def machine(self) -> str:
        """Architecture as `uname -m` prints it."""
        return self.platform.removeprefix("linux-")

    @property
    def extras_suffix(self) -> str:
        """Extras as pip expects them after a name or a path (`[openvino]`); "" for none."""
        return f"[{','.join(self.extras)}]" if self.extras else ""

    def pip_options(self) -> list[str]:
        """Return pip's options for wheels of this target, without source packages."""
        abi = f"cp{self.python.replace('.', '')}"
        versions = range(_NEWEST_LIBC, _OLDEST_LIBC - 1, -1)
        return [
            "--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}",
            f"--abi={abi}", "--abi=abi3", "--abi=none",
            *(f"--platform=manylinux_2_{libc}_{self.machine}" for libc in versions),
            f"--platform=manylinux2014_{self.machine}", "--platform=any",
        ]  # fmt: skip


def own_source() -> str:
    """Return the clone or wheel from which this package was installed, as recorded by pip.

    Raises:
        UsageError: The clone or wheel is unknown or no longer exists.
    """
    remedy = "Specify the clone or the wheel with --source."
    try:
        record = distribution("edgeseg").read_text("direct_url.json")
    except PackageNotFoundError:
        record = None
    if record is None:
        raise UsageError(f"the source of this installation is unknown. {remedy}")
    url = msgspec.json.decode(record, type=DirectUrl).url
    path = Path(url2pathname(urlsplit(url).path))
    if not path.exists():
        raise UsageError(f"{path}: the source of this installation no longer exists. {remedy}")
    return str(path)


def check_extras(extras: Sequence[str]) -> None:
    """Check that the package has these extras, because pip would only print a warning.

    Raises:
        UsageError: An extra is unknown; the message lists the known extras.
    """
    try:
        known = metadata("edgeseg").get_all("Provides-Extra") or []
    except PackageNotFoundError:  # edgeseg runs from a source tree
        return
    for extra in extras:
        if extra not in known:
            raise UsageError(f"--extra {extra}: unknown extra (available: {', '.join(known)}).")


def collect_wheels(source: str, target: Target, folder: Path) -> Path:
    """Collect the wheels of edgeseg and its dependencies for the target in a folder.

    Args:
        source: clone or wheel of edgeseg.
        target: target device of the wheels.
        folder: existing folder for the wheels.

    Returns:
        Path of edgeseg's wheel.

    Raises:
        UsageError: The source is not edgeseg.
        SystemSetupError: pip is missing or failed; the message contains the reason.
    """
    _run_pip("wheel", "--no-deps", "--wheel-dir", str(folder), source, constraints=source)
    own_wheels = sorted(folder.glob("edgeseg-*.whl"))
    if len(own_wheels) != 1:
        raise UsageError(f"--source {source}: neither a clone nor a wheel of edgeseg. Specify one.")
    versions = select_constraints(read_constraints(own_wheels[0]), target.python)
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{version}\n" for version in versions))
    requirement = f"{own_wheels[0]}{target.extras_suffix}"
    options = [*target.pip_options(), "--constraint", str(constraints)]
    _run_pip("download", "--dest", str(folder), *options, requirement)
    return own_wheels[0]


def _run_pip(*arguments: str, constraints: str = "") -> None:
    """Run pip. Modules in the current folder are not imported.

    Args:
        arguments: arguments of pip.
        constraints: clone. Its `constraints.txt`, if it exists, applies to the build of the wheel.
    """
    command = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command += arguments
    environment = dict(os.environ)
    file = Path(constraints).absolute() / "constraints.txt"
    if constraints and file.is_file():
        environment |= {"PIP_CONSTRAINT": file.as_uri(), "PIP_BUILD_CONSTRAINT": file.as_uri()}
    done = _call(command, environment)
    if done.returncode == _PIP_CRASH:
        done = _call(command, environment)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        reasons = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        if done.returncode == _PIP_CRASH or not reasons:
            reasons = lines[-1:]
        raise SystemSetupError(f"pip {arguments[0]} failed: {' '.join(reasons)}")


def _call(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def install_script(target: Target) -> bytes:
    """Return `install.sh` for a target."""
    text = _SCRIPT.read_text(encoding="utf-8")
    return text.replace("@PYTHON@", target.python).replace("@MACHINE@", target.machine).encode()
