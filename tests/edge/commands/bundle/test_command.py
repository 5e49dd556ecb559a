"""`edgeseg bundle`; tests/arm64 installs a bundle on boards."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from edgeseg.cli import cli
from edgeseg.commands.bundle import wheels
from edgeseg.commands.bundle.checksums import BundleFile
from edgeseg.commands.bundle.requirements import (
    CONSTRAINTS_IN_WHEEL,
    select_constraints,
)
from edgeseg.commands.bundle.sbom import build_sbom
from edgeseg.commands.bundle.wheels import (
    Target,
    collect_wheels,
    own_source,
)
from edgeseg.errors import EdgesegError, SystemSetupError, UsageError

WheelMaker: TypeAlias = Callable[[str, str, dict[str, str]], bytes]

WHEEL = Path("edgeseg-0.1.0-py3-none-any.whl")
NUMPY_WHEEL = "numpy-2-cp311-cp311-linux_aarch64.whl"
CONSTRAINTS = """\
# comment
numpy==1; python_version < "3.11"
numpy==2; python_version == "3.11"
numpy==3; python_version >= "3.12"
click==8.5.1
"""


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, make_wheel: WheelMaker) -> list[tuple[str, ...]]:
    """Replacement of pip, which writes one file without a network and records its arguments."""
    calls: list[tuple[str, ...]] = []

    def record(*arguments: str, constraints: str = "") -> None:
        calls.append(arguments)
        is_own_wheel = arguments[0] == "wheel"
        option = "--wheel-dir" if is_own_wheel else "--dest"
        folder = Path(arguments[arguments.index(option) + 1])
        own = make_wheel("edgeseg", "0.1.0", {CONSTRAINTS_IN_WHEEL: CONSTRAINTS})
        if is_own_wheel:
            (folder / WHEEL.name).write_bytes(own)
            return
        (folder / NUMPY_WHEEL).write_bytes(make_wheel("numpy", "2", {}))
        file = Path(arguments[arguments.index("--constraint") + 1])
        assert file.read_text().splitlines() == ["numpy==2", "click==8.5.1"]

    monkeypatch.setattr(wheels, "_run_pip", record)
    return calls


def bundle(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bundle", "--python", "3.11", "--source", ".", *arguments])


def test_bundle_writes_wheels_checksums_and_script(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    folder = tmp_path / "stick"
    done = bundle("--extra", "openvino", "-o", str(folder))
    assert done.exit_code == 0, done.output
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    others = {"requirements.txt", "edgeseg.txt", "sbom.cdx.json", "install.sh"}
    assert set(sums) == {f"wheels/{WHEEL.name}", f"wheels/{NUMPY_WHEEL}", *others}
    assert all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for name, digest in sums.items()
    )
    download = pip[1]
    assert "--python-version=3.11" in download and "--platform=manylinux_2_17_aarch64" in download
    assert "--only-binary=:all:" in download and download[-1].endswith(f"{WHEEL.name}[openvino]")
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert requirements[0].startswith("edgeseg[openvino]==0.1.0 --hash=sha256:")
    assert requirements[1] == f"numpy==2 --hash=sha256:{sums[f'wheels/{NUMPY_WHEEL}']}"


def test_bundle_into_current_folder_prints_its_name(
    tmp_path: Path, pip: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = bundle("-o", ".")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f" sh {tmp_path.name}/install.sh\n")


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.14"])
def test_select_constraints_evaluates_markers_for_the_device(python: str) -> None:
    versions = {"3.10": "1", "3.11": "2", "3.12": "3", "3.14": "3"}
    assert select_constraints(CONSTRAINTS, python) == [f"numpy=={versions[python]}", "click==8.5.1"]


def test_select_constraints_accepts_the_constraints_of_this_project() -> None:
    text = (Path(__file__).parents[4] / "constraints.txt").read_text()
    names = [line.split("==")[0] for line in select_constraints(text, "3.11")]
    assert {"numpy", "onnxruntime", "hatchling"} <= set(names) and len(names) == len(set(names))


@pytest.mark.parametrize("line", ["numpy>=2", "numpy==2; sys_platform == 'win32'", "-r other.txt"])
def test_select_constraints_rejects_other_lines(line: str) -> None:
    with pytest.raises(UsageError):
        select_constraints(line, "3.11")


def test_sbom_lists_wheels_and_models_with_hashes(make_wheel: WheelMaker) -> None:
    model = (Path(wheels.__file__).parents[2] / "models" / "lean.int8.onnx").read_bytes()
    numpy = make_wheel("Num_Py", "2+cpu", {})
    files: list[BundleFile] = [
        (f"wheels/{WHEEL.name}", make_wheel("edgeseg", "0.1.0", {"edgeseg/models/a.onnx": "x"})),
        (f"wheels/{NUMPY_WHEEL}", numpy),
    ]
    sbom = json.loads(build_sbom(files, [("models/lean.int8.onnx", model)], WHEEL.name))
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"]["component"]["name"] == "edgeseg"
    shipped, library, own_model = sbom["components"]
    assert shipped["bom-ref"] == "edgeseg/models/a.onnx"
    assert library["purl"] == "pkg:pypi/num-py@2%2Bcpu"
    assert library["licenses"] == [{"expression": "MIT"}]
    assert library["hashes"][0]["content"] == hashlib.sha256(numpy).hexdigest()
    assert own_model["type"] == "machine-learning-model"
    assert any("hrf" in entry["value"] for entry in own_model["properties"])


@pytest.mark.parametrize("name", ["a\nb.onnx", "a\\b.onnx"])
def test_bundle_rejects_model_name_that_checksums_cannot_contain(
    tmp_path: Path, pip: list[tuple[str, ...]], name: str
) -> None:
    (tmp_path / name).touch()
    done = bundle("--model", str(tmp_path / name), "-o", str(tmp_path / "stick"))
    assert done.exit_code == 2 and not pip
    assert done.stderr.count("\n") == 1


def test_bundle_rejects_two_models_of_one_name(tmp_path: Path, pip: list[tuple[str, ...]]) -> None:
    model = Path(wheels.__file__).parents[2] / "models" / "lean.int8.onnx"
    done = bundle("--model", str(model), "--model", str(model), "-o", str(tmp_path / "stick"))
    assert done.exit_code == 2 and not pip


def test_bundle_into_folder_with_files_exits_with_2(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    (tmp_path / "older.whl").touch()
    done = bundle("-o", str(tmp_path))
    assert done.exit_code == 2 and str(tmp_path) in done.stderr
    assert not pip


def test_bundle_with_invalid_model_exits_with_6_before_download(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    model = tmp_path / "damaged.onnx"
    model.write_bytes(b"no model")
    done = bundle("--model", str(model), "-o", str(tmp_path / "stick"))
    assert done.exit_code == 6 and not pip and not (tmp_path / "stick").exists()


def test_bundle_with_unknown_extra_exits_with_2_before_download(
    tmp_path: Path, pip: list[tuple[str, ...]]
) -> None:
    done = bundle("--extra", "openvin", "-o", str(tmp_path / "stick"))
    assert done.exit_code == 2 and "openvino" in done.stderr
    assert not pip and not (tmp_path / "stick").exists()


@pytest.mark.slow
def test_collect_wheels_with_failing_pip_reports_its_reason_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match=r"pip wheel failed: .*nowhere") as caught:
        collect_wheels(str(tmp_path / "nowhere"), Target("linux-aarch64", "3.11"), tmp_path)
    assert "\n" not in str(caught.value)


def test_own_source_without_record_of_pip_asks_for_source(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unknown:
        def read_text(self, name: str) -> None:
            return None

    monkeypatch.setattr(wheels, "distribution", lambda name: Unknown())
    with pytest.raises(UsageError, match="--source"):
        own_source()


@pytest.mark.parametrize(
    ("crashes", "message"),
    [(1, "neither a clone nor a wheel"), (2, "pip wheel failed: TimeoutError: it took too long$")],
)
def test_collect_wheels_restarts_crashed_pip_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashes: int, message: str
) -> None:
    calls, program = tmp_path / "calls", tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\necho >> {calls}\n[ $(wc -l < {calls}) -gt {crashes} ] && exit 0\n"
        "printf 'ERROR: Exception:\\nTraceback\\n  more\\nTimeoutError: it took too long\\n' >&2\n"
        "exit 2\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    with pytest.raises(EdgesegError, match=message):
        collect_wheels("clone", Target("linux-aarch64", "3.11"), tmp_path)
    assert calls.read_text().count("\n") == 2


@pytest.mark.slow
def test_pip_is_available_to_bundle() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    assert done.returncode == 0
