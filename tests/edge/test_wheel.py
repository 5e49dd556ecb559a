"""Installation of the wheel without extras in an empty environment, and its use."""

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
ROOTS = {
    "edgeseg": "edge",
    "edgeseg_train": "train",
    "edgeseg_export": "export",
    "edgeseg_benchmarks": "benchmarks",
}
NOT_FOR_DEVICES = ("torch", "onnx", "onnxsim", "onnxconverter_common", "matplotlib")

# The first installation on a machine downloads about 60 MB.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

SEGMENT_IN_PYTHON = """
import importlib.util, json, sys
from edgeseg import Segmenter
from edgeseg.imaging.photo import read_mask
from pathlib import Path

photograph, mask = sys.argv[1:]
result = Segmenter().segment(photograph)
print(json.dumps({
    "equals_run": bool((result.mask == read_mask(Path(mask))).all()),
    "density": result.vessel_density,
    "levels": sorted(set(result.mask.ravel().tolist())),
    "importable": [name for name in DESK if importlib.util.find_spec(name)],
    "imported": [name for name in DESK if name in sys.modules],
}))
""".replace("DESK", repr(NOT_FOR_DEVICES))


@dataclass(frozen=True)
class Device:
    """A virtual environment with the wheel and its dependencies."""

    folder: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python outside the source tree."""
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
        """Run the installed command and list the imported modules on standard error."""
        return self.python("-X", "importtime", str(self.folder / "bin" / "edgeseg"), *arguments)


@dataclass(frozen=True)
class SegmentedPhoto:
    """A synthetic photograph and its results from `edgeseg run`."""

    photograph: Path
    mask: Path
    overlay: Path
    imported: set[str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the source distribution, so that both are tested."""
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
def segmented(device: Device, tmp_path_factory: pytest.TempPathFactory) -> SegmentedPhoto:
    folder = tmp_path_factory.mktemp("photographs")
    drawn = device.edgeseg("draw", "-o", str(folder))
    assert drawn.returncode == 0, drawn.stderr
    photograph = folder / "fundus_0.png"
    ran = device.edgeseg("run", str(photograph), "-o", str(folder / "vessels"))
    assert ran.returncode == 0, ran.stderr
    vessels = folder / "vessels"
    return SegmentedPhoto(
        photograph,
        vessels / "fundus_0_vessels.png",
        vessels / "fundus_0_overlay.jpg",
        _imported(ran.stderr),
    )


def test_wheel_contains_four_typed_packages(wheel: Path) -> None:
    names = _names(wheel)
    for package, folder in ROOTS.items():
        modules = {
            str(file.relative_to(ROOT / folder)) for file in (ROOT / folder / package).rglob("*.py")
        }
        assert {*modules, f"{package}/py.typed"} <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(ROOTS)


def test_wheel_contains_shipped_models_and_card(wheel: Path) -> None:
    shipped = {
        f"edgeseg/models/{file.name}" for file in (ROOT / "edge/edgeseg/models").glob("*.onnx")
    }
    assert shipped
    assert {*shipped, "edgeseg/models/README.md"} <= _names(wheel)


def test_wheel_metadata_contains_readme_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (
            archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")
        )
        (licence,) = (
            archive.read(name) for name in archive.namelist() if name.endswith("/licenses/LICENSE")
        )
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert metadata.rstrip().endswith((ROOT / "README.md").read_text().rstrip())


def test_device_command_segments_photograph_without_training_libraries(
    segmented: SegmentedPhoto,
) -> None:
    assert segmented.mask.is_file()
    assert segmented.overlay.is_file()
    assert not segmented.imported & set(NOT_FOR_DEVICES)


def test_device_python_gives_the_mask_of_the_command(
    device: Device, segmented: SegmentedPhoto
) -> None:
    done = device.python("-c", SEGMENT_IN_PYTHON, str(segmented.photograph), str(segmented.mask))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["importable"] == said["imported"] == []
    assert said["equals_run"]
    assert said["levels"] == [0, 255]
    assert 0.02 < said["density"] < 0.3


def test_device_python_imports_no_training_library_if_installed(segmented: SegmentedPhoto) -> None:
    """Torch is installed in the environment of the tests."""
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


def test_help_imports_neither_runtime_nor_codecs(device: Device) -> None:
    done = device.edgeseg("--help")
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    imported = _imported(done.stderr)
    assert "edgeseg.cli" in imported
    assert not imported & {"onnxruntime", "cv2", "numpy"}


@pytest.mark.parametrize(("command", "extra"), [("convert", "export"), ("train", "train")])
def test_command_without_extra_names_how_to_install_it(
    device: Device, command: str, extra: str
) -> None:
    done = device.edgeseg(command, "--help")
    assert done.returncode == 7
    assert f"pip install '.[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _imported(importtime: str) -> set[str]:
    """Return the module names in lines like `import time:  self | cumulative |  package.module`."""
    lines = (line for line in importtime.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[-1].strip() for line in lines}


def _clean_environment() -> dict[str, str]:
    """Return environment variables without the source tree and without coloured messages."""
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
