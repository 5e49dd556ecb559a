"""Data and model files for all tests: real photographs (EDGESEG_DATA) and small networks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset

TINY_SIZE = 128

# Tests, and the programs that they start, ignore the tuning cache of this computer.
os.environ["EDGESEG_CHOICES"] = ""

# No test measures time, because such a test would fail on a busy computer.
settings.register_profile("edgeseg", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("edgeseg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-photographs", action="store_true", help="Check every photograph instead of a sample."
    )


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with DRIVE/, STARE/, CHASEDB1/, HRF/ and FIVES/ in their published layouts."""
    root = os.environ.get("EDGESEG_DATA")
    if not root:
        pytest.skip("EDGESEG_DATA is not set: no real photographs")
    return Path(root)


@pytest.fixture(scope="session")
def make_model(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, PreprocessingConfig], Path]:
    """Function that writes `NAME.fp32.onnx`: the smallest network with random weights from a fixed
    seed. The probabilities of the network are on both sides of 0.5.
    """
    pytest.importorskip("torch", reason="creating a model needs torch (extra 'export')")
    pytest.importorskip("onnx", reason="creating a model needs onnx (extra 'export')")
    from fuzz.sample_models import make_model_file

    def write(name: str, config: PreprocessingConfig) -> Path:
        file = tmp_path_factory.mktemp("models") / f"{name}.fp32.onnx"
        file.write_bytes(make_model_file(config, name))
        return file

    return write


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[[str, PreprocessingConfig], Path]) -> Path:
    """`tiny.fp32.onnx`: random weights, 128x128, preset `edge`, threshold 0.5."""
    return make_model("tiny", preprocessing_preset("edge", TINY_SIZE))
