"""The wheel as a device gets it: installed without extras into an empty environment, and used there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {
    "edgeseg": "edge",
    "edgeseg_train": "train",
    "edgeseg_export": "export",
    "edgeseg_benchmarks": "benchmarks",
}
FOR_THE_DESK = ("torch", "onnx", "onnxsim", "onnxconverter_common", "matplotlib")

# The first installation on a machine downloads some 60 MB.
pytestmark = pytest.mark.timeout(1800)

SEGMENT_IN_PYTHON = """
import importlib.util, json, sys
from edgeseg import Segmenter
from edgeseg.photo import read_mask
from pathlib import Path

photograph, mask = sys.argv[1:]
result = Segmenter().segment(photograph)
print(json.dumps({
    "as_run": bool((result.mask == read_mask(Path(mask))).all()),
    "density": result.vessel_density,
    "levels": sorted(set(result.mask.ravel().tolist())),
    "importable": [name for name in DESK if importlib.util.find_spec(name)],
    "imported": [name for name in DESK if name in sys.modules],
}))
""".replace("DESK", repr(FOR_THE_DESK))


@dataclass(frozen=True)
class Device:
    """A virtual environment that holds the wheel and what it asks for, nothing else."""

    folder: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python, away from the source tree and from the caller's environment."""
        python = self.folder / "bin" / "python"
        return subprocess.run(
            [python, *arguments],
            cwd=self.folder,
            env=_clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def edgeseg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command that the wheel installs; standard error also lists every module that it imports."""
        return self.python("-X", "importtime", str(self.folder / "bin" / "edgeseg"), *arguments)


@dataclass(frozen=True)
class Segmented:
    """A drawn photograph and what `edgeseg run` made of it."""

    photograph: Path
    mask: Path
    overlay: Path
    imported: set[str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so that this one is known to be whole too."""
    folder = tmp_path_factory.mktemp("dist")
    _checked([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)])
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def device(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Device:
    device = Device(tmp_path_factory.mktemp("device"))
    _checked([sys.executable, "-m", "venv", str(device.folder)])
    pip = [
        str(device.folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
    ]
    _checked([*pip, "--constraint", str(ROOT / "constraints.txt"), str(wheel)])
    return device


@pytest.fixture(scope="module")
def segmented(device: Device, tmp_path_factory: pytest.TempPathFactory) -> Segmented:
    folder = tmp_path_factory.mktemp("photographs")
    drawn = device.edgeseg("draw", "-o", str(folder))
    assert drawn.returncode == 0, drawn.stderr
    photograph = folder / "fundus_0.png"
    ran = device.edgeseg("run", str(photograph), "-o", str(folder / "vessels"))
    assert ran.returncode == 0, ran.stderr
    vessels = folder / "vessels"
    return Segmented(
        photograph,
        vessels / "fundus_0_vessels.png",
        vessels / "fundus_0_overlay.png",
        _imported(ran.stderr),
    )


def test_the_wheel_holds_the_four_packages_with_their_types(wheel: Path) -> None:
    names = _names(wheel)
    for package, folder in FLOORS.items():
        modules = {
            str(file.relative_to(ROOT / folder)) for file in (ROOT / folder / package).rglob("*.py")
        }
        assert {*modules, f"{package}/py.typed"} <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(FLOORS)


def test_the_wheel_holds_the_shipped_models_and_their_card(wheel: Path) -> None:
    shipped = {
        f"edgeseg/models/{file.name}" for file in (ROOT / "edge/edgeseg/models").glob("*.onnx")
    }
    assert shipped
    assert {*shipped, "edgeseg/models/README.md"} <= _names(wheel)


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (
            archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")
        )
        (licence,) = (
            archive.read(name) for name in archive.namelist() if name.endswith("/licenses/LICENSE")
        )
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert metadata.rstrip().endswith((ROOT / "README.md").read_text().rstrip())


def test_a_device_segments_a_photograph_with_the_command(segmented: Segmented) -> None:
    assert segmented.mask.is_file()
    assert segmented.overlay.is_file()
    assert not segmented.imported & set(FOR_THE_DESK)


def test_a_device_segments_a_photograph_from_python(device: Device, segmented: Segmented) -> None:
    done = device.python("-c", SEGMENT_IN_PYTHON, str(segmented.photograph), str(segmented.mask))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["importable"] == said["imported"] == []
    assert said["as_run"]
    assert said["levels"] == [0, 255]
    assert 0.02 < said["density"] < 0.3


def test_nothing_of_training_is_imported_where_it_could_be(segmented: Segmented) -> None:
    """The environment of these tests has torch, so here only the runtime's own manners keep it out."""
    command = [
        sys.executable,
        "-c",
        SEGMENT_IN_PYTHON,
        str(segmented.photograph),
        str(segmented.mask),
    ]
    path = {"PYTHONPATH": str(ROOT / "edge")}
    done = subprocess.run(
        command, env=os.environ | path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["imported"] == []


def test_help_loads_neither_runtime_nor_codecs(device: Device) -> None:
    done = device.edgeseg("--help")
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    imported = _imported(done.stderr)
    assert "edgeseg.cli" in imported
    assert not imported & {"onnxruntime", "cv2", "numpy"}


@pytest.mark.parametrize(("verb", "extra"), [("convert", "export"), ("train", "train")])
def test_a_verb_without_its_extra_says_how_to_install_it(
    device: Device, verb: str, extra: str
) -> None:
    done = device.edgeseg(verb, "--help")
    assert done.returncode == 7
    assert f"pip install '.[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _imported(importtime: str) -> set[str]:
    """`import time:  self | cumulative |   package.module`, a line for each import -> the modules' names."""
    lines = (line for line in importtime.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[-1].strip() for line in lines}


def _clean_environment() -> dict[str, str]:
    """Without what would let the environment see the source tree or colour the messages."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "FORCE_COLOR"}
    }


def _checked(command: list[str]) -> None:
    done = subprocess.run(
        command,
        env=_clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
