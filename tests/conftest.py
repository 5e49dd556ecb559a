"""Where the tests' photographs come from (real ones through EDGESEG_DATA, else drawn ones), and model files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edgeseg.preprocessing.config import PreprocessingConfig, preprocessing_preset

TINY_SIZE = 128

# What the person at this machine once tuned must not choose for the tests; nor for the programs that they start.
os.environ["EDGESEG_CHOICES"] = ""

# No test measures time: it would fail on a busy board.
settings.register_profile("edgeseg", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("edgeseg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-photographs",
        action="store_true",
        help="check every photograph where a few stand for all",
    )


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder that holds DRIVE/, STARE/, CHASEDB1/, HRF/ and FIVES/ in their published layouts."""
    root = os.environ.get("EDGESEG_DATA")
    if not root:
        pytest.skip("EDGESEG_DATA is not set: real photographs are not at hand")
    return Path(root)


@pytest.fixture(scope="session")
def make_model(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, PreprocessingConfig], Path]:
    """Writes `NAME.fp32.onnx`: the smallest member of the family, fed as asked, weights from a fixed seed.

    Its vessels mean nothing, but every pixel has a probability, some above 0.5 and some below.
    """
    torch = pytest.importorskip("torch", reason="making a model file needs torch (extra 'export')")
    pytest.importorskip("onnx", reason="making a model file needs onnx (extra 'export')")
    from edgeseg_export.model_card import make_card
    from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx
    from edgeseg_export.publish import add_card
    from edgeseg_export.source import source_from_checkpoint
    from edgeseg_train.checkpoint import Checkpoint, TrainingData, WorkingSize
    from edgeseg_train.network.resunet import architecture_by_name, build_network

    def make(name: str, how: PreprocessingConfig) -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = build_network(architecture_by_name("tiny")).eval()
        size, evidence = WorkingSize("default", how.size, 0.5), {"default": {"synthetic": 0.25}}
        data = (TrainingData("synthetic", 1, "drawn by this project (Apache-2.0)"),)
        trained = Checkpoint(
            architecture_by_name("tiny"), network.state_dict(), how, (size,), data, evidence
        )
        # Without onnxsim and the checks of `edgeseg convert`, which have tests of their own: a second, not ten.
        model = trace_to_onnx(PhotoToProbability(network, how), how.size)
        file = tmp_path_factory.mktemp("models") / f"{name}.fp32.onnx"
        file.write_bytes(
            add_card(model, make_card(source_from_checkpoint(trained), size, name, "0" * 64))
        )
        return file

    return make


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[[str, PreprocessingConfig], Path]) -> Path:
    """`tiny.fp32.onnx`: random weights, 128x128, preset `edge`, threshold 0.5."""
    return make_model("tiny", preprocessing_preset("edge", TINY_SIZE))
