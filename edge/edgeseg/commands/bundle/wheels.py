"""A folder that installs edgeseg on a device without a network: wheels, models, their SHA-256, an install script.

Only here something opens a connection: pip downloads the wheels, when the user calls `edgeseg bundle`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from edgeseg.errors import SystemSetupError, UsageError

Platform: TypeAlias = Literal["linux-aarch64", "linux-x86_64"]

# What pip takes a wheel for: C libraries from 2014's to Debian 10's, older than those of every supported board.
_OLDEST_LIBC, _NEWEST_LIBC = 17, 28
_CRASHED = 2  # pip's code for what it did not foresee, as a connection that breaks within a wheel: tried once more
_SCRIPT = Path(__file__).with_name("install.sh")


@dataclass(frozen=True)
class Target:
    """The device: platform, Python as `3.11`, and the extras that it is to have."""

    platform: Platform
    python: str
    extras: tuple[str, ...] = ()

    @property
    def machine(self) -> str:
        """As `uname -m` says it."""
        return self.platform.removeprefix("linux-")

    def pip_options(self) -> list[str]:
        """For pip: wheels for this target, not for the Python that runs it, and no sources."""
        abi = f"cp{self.python.replace('.', '')}"
        tags = [
            f"manylinux_2_{libc}_{self.machine}"
            for libc in range(_NEWEST_LIBC, _OLDEST_LIBC - 1, -1)
        ]
        platforms = [*tags, f"manylinux2014_{self.machine}", "any"]
        return [
            "--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}",
            f"--abi={abi}", "--abi=abi3", "--abi=none", *(f"--platform={tag}" for tag in platforms),
        ]  # fmt: skip


def own_source() -> str:
    """The clone or the wheel from which pip installed this package, as it noted it.

    Raises:
        UsageError: it is not known or no longer there; the message says what to give.
    """
    remedy = "give the clone or the wheel with --source"
    try:
        noted = distribution("edgeseg").read_text("direct_url.json")
    except PackageNotFoundError:
        noted = None
    if noted is None:
        raise UsageError(f"pip did not note what edgeseg was installed from; {remedy}")
    place = Path(url2pathname(urlsplit(json.loads(noted)["url"]).path))
    if not place.exists():
        raise UsageError(f"{place}: edgeseg was installed from it, but it is gone; {remedy}")
    return str(place)


def check_extras(wanted: Sequence[str]) -> None:
    """Refuse an extra that this package does not have; pip would only warn of it.

    Raises:
        UsageError: it lists those that there are.
    """
    try:
        known = metadata("edgeseg").get_all("Provides-Extra") or []
    except PackageNotFoundError:  # called from a source tree: pip will tell, if only as a warning
        return
    for extra in wanted:
        if extra not in known:
            raise UsageError(
                f"--extra {extra}: there is no such extra; there are {', '.join(known)}"
            )


def collect_wheels(source: str, target: Target, folder: Path) -> Path:
    """Our own wheel, made from a clone or copied, and all that it needs on the target, into `folder`.

    Returns:
        Our own wheel.

    Raises:
        SurroundingsError: pip is missing or failed; the message holds its reason.
    """
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), source)
    own = sorted(folder.glob("edgeseg-*.whl"))
    if len(own) != 1:
        raise UsageError(f"--source {source}: neither a clone nor a wheel of edgeseg")
    extras = f"[{','.join(target.extras)}]" if target.extras else ""
    _pip("download", "--dest", str(folder), *target.pip_options(), f"{own[0]}{extras}")
    return own[0]


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == _CRASHED:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        reasons = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        if done.returncode == _CRASHED or not reasons:
            reasons = lines[-1:]
        raise SystemSetupError(f"pip {arguments[0]} failed: {' '.join(reasons)}")


def install_script(target: Target, wheel: Path) -> bytes:
    """`install.sh` for this target and this wheel."""
    version = wheel.name.split("-")[1]
    extras = f"[{','.join(target.extras)}]" if target.extras else ""
    text = _SCRIPT.read_text()
    for mark, value in (
        ("@PYTHON@", target.python),
        ("@MACHINE@", target.machine),
        ("@REQUIREMENT@", f"edgeseg{extras}=={version}"),
    ):
        text = text.replace(mark, value)
    return text.encode()


def checksums(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Name in the bundle and content -> `SHA256SUMS`, as `sha256sum --check` reads it."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files
    ).encode()
