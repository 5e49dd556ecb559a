"""Load a network that edgeseg did not train: import its code and load its state dict."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from edgeseg.errors import ModelError, UsageError, one_line

# Common keys of a state dict inside a checkpoint.
WRAPPER_KEYS = ("state_dict", "model_state_dict", "model", "network")


def call_factory(spec: str) -> nn.Module:
    """Import a function without arguments and return the network that it creates.

    The working directory is importable; so is the folder of a file.

    Args:
        spec: `module:factory` or `file.py:factory`.

    Raises:
        UsageError: the function cannot be imported, fails, or does not return a torch.nn.Module.
    """
    module, _, name = spec.rpartition(":")
    factory = getattr(_import_module(module), name, None)
    if not callable(factory):
        raise UsageError(f"--arch {spec}: {module} has no function {name}")
    try:
        network = cast("Callable[[], object]", factory)()
    except Exception as error:  # the user's own code may raise anything
        raise UsageError(
            f"--arch {spec}: {name}() failed ({type(error).__name__}: {one_line(error)})"
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"--arch {spec}: {name}() returned a {type(network).__name__}, "
            "expected a torch.nn.Module"
        )
    return network


def _import_module(module: str) -> object:
    is_file = module.endswith(".py")
    folder = Path(module).resolve().parent if is_file else Path.cwd()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return _import_file(Path(module).resolve()) if is_file else importlib.import_module(module)
    except Exception as error:  # the user's own code may raise anything
        raise UsageError(
            f"--arch: {module} cannot be imported ({type(error).__name__}: {one_line(error)})"
        ) from error


def _import_file(file: Path) -> object:
    """Import exactly this file, even if a loaded module has its name (`code.py`, `onnx.py`)."""
    name = file.stem if file.stem not in sys.modules else f"edgeseg_arch_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does: a dataclass looks up its own module there
    spec.loader.exec_module(module)
    return module


def extract_state_dict(checkpoint: Mapping[str, object], file: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint, which may contain them under one of `WRAPPER_KEYS`.

    Raises:
        ModelError: the checkpoint contains no state dict; the message names the file.
    """
    candidates = [checkpoint.get(key) for key in WRAPPER_KEYS]
    weights = next((value for value in candidates if isinstance(value, Mapping)), checkpoint)
    if not weights or not all(isinstance(weight, Tensor) for weight in weights.values()):
        raise ModelError(
            f"{file}: contains no state dict. Save model.state_dict() with torch.save."
        )
    return dict(weights)


def load_weights(network: nn.Module, weights: dict[str, Tensor], file: Path, arch: str) -> None:
    """Load a state dict and set the network to evaluation mode, FP32 on the CPU.

    A prefix that all names share (`module.`) is removed if the network does not have it.

    Raises:
        ModelError: a weight is missing, unexpected, of another shape, or not finite; the message
            names the file.
    """
    expected = network.state_dict()
    if not expected.keys() & weights.keys():  # a part of the network may be named like the prefix
        weights = _remove_prefix(weights, expected)
    for name, weight in weights.items():
        if weight.is_floating_point() and not bool(weight.isfinite().all()):
            raise ModelError(f"{file}: {name[:80]!r} contains NaN or infinity")
    # BatchNorm's step counters are not used here, and old checkpoints lack them.
    counters = {name: expected[name] for name in expected if name.endswith("num_batches_tracked")}
    try:
        network.load_state_dict(counters | weights)
    except RuntimeError as error:
        raise ModelError(f"{file}: does not fit '{arch}' ({one_line(error)})") from error
    network.to("cpu", torch.float32).eval()


def _remove_prefix(weights: dict[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """Remove a wrapper's prefix: `module.`, `_orig_mod.` (torch.compile), `model.` (Lightning)."""
    parts = next(iter(weights)).split(".")
    for number in range(1, len(parts)):
        prefix = ".".join(parts[:number]) + "."
        stripped = {name.removeprefix(prefix): weight for name, weight in weights.items()}
        if not stripped.keys().isdisjoint(expected):
            return stripped
    return weights
