"""Script that compares the time of a folder run with the time of the codecs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from edgeseg.imaging.encoder import encode_jpeg, encode_png
from edgeseg.synthetic import generate_photo

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "folder_speed.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("folder_speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_folder_speed_prints_run_and_floor(script: ModuleType, tmp_path: Path) -> None:
    for seed in range(2):
        photo = generate_photo(seed, 200).photo
        (tmp_path / f"{seed}.jpg").write_bytes(encode_jpeg(photo))
    result = CliRunner().invoke(script.main, [str(tmp_path), "--count", "3", "--rounds", "1"])
    assert result.exit_code == 0, result.output
    names = [line.partition(":")[0] for line in result.stdout.splitlines()]
    assert names == ["edgeseg run", "floor"]


def test_check_equal_fails_for_other_pixels(script: ModuleType, tmp_path: Path) -> None:
    photo = generate_photo(1, 64).photo
    file = tmp_path / "a.png"
    file.write_bytes(encode_png(photo, {"key": "value"}))
    script.check_equal(encode_png(photo), file, script.PNG_HEADER_BYTES)
    with pytest.raises(Exception, match="differs"):
        script.check_equal(encode_png(255 - photo), file, script.PNG_HEADER_BYTES)
