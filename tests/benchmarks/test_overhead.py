from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from edgeseg.imaging.encoder import encode_png
from edgeseg.synthetic import generate_photo

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overhead.py"


@pytest.fixture
def overhead(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the script as a module, without pinning the process of the tests."""
    spec = importlib.util.spec_from_file_location("overhead", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "pin", lambda threads: None)
    return module


def test_take_turns_discards_the_first_round(overhead: ModuleType) -> None:
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    result = overhead.take_turns(lambda: measure("A"), lambda: measure("B"), 3)
    assert "".join(order) == "ABABABAB"
    assert result == [(3.0, 4.0), (5.0, 6.0), (7.0, 8.0)]


@pytest.mark.slow
def test_overhead_prints_four_values(overhead: ModuleType, tmp_path: Path) -> None:
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(encode_png(generate_photo(1, 200).photo))
    result = CliRunner().invoke(overhead.main, [str(photograph), "--rounds", "1"])
    assert result.exit_code == 0, result.output
    names = [line.partition(":")[0] for line in result.stdout.splitlines()]
    assert names == ["start-up", "memory", "help", "processing"]
