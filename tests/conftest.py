"""Data and model files for all tests: real photographs (EDGESEG_DATA) and small networks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset

TINY_SIZE = 128

# Tests and the programs that they start ignore the tuning cache of this computer.
os.environ["EDGESEG_CHOICES"] = ""

# No test measures time: it would fail on a busy computer.
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
    """Function that writes `NAME.fp32.onnx`: the smallest network with random weights, fixed seed.

    Its vessels have no meaning, but some probabilities are above 0.5 and some below.
    """
    torch = pytest.importorskip("torch", reason="creating a model needs torch (extra 'export')")
    pytest.importorskip("onnx", reason="creating a model needs onnx (extra 'export')")
    from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
    from edgeseg_export.publish import add_card, make_card
    from edgeseg_export.source import source_from_checkpoint
    from edgeseg_train.checkpoint import Checkpoint, TrainingData, WorkingSize
    from edgeseg_train.network.resunet import architecture_by_name, build_network

    def write(name: str, config: PreprocessingConfig) -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = build_network(architecture_by_name("tiny")).eval()
        size = WorkingSize("default", config.size, 0.5)
        checkpoint = Checkpoint(
            architecture_by_name("tiny"),
            network.state_dict(),
            config,
            (size,),
            (TrainingData("synthetic", 1, "drawn by this project (Apache-2.0)"),),
            {"default": {"synthetic": 0.25}},
        )
        # onnxsim and the checks of `edgeseg convert` are left out: one second instead of ten.
        model = trace_to_onnx(PhotoToProbability(network, config), config.size)
        card = make_card(source_from_checkpoint(checkpoint), size, name, "0" * 64)
        file = tmp_path_factory.mktemp("models") / f"{name}.fp32.onnx"
        file.write_bytes(add_card(model, card))
        return file

    return write


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[[str, PreprocessingConfig], Path]) -> Path:
    """`tiny.fp32.onnx`: random weights, 128x128, preset `edge`, threshold 0.5."""
    return make_model("tiny", preprocessing_preset("edge", TINY_SIZE))
