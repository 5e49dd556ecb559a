"""Checks of runtimes and execution providers, each in a separate process."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edgeseg.errors import SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.models.card import ModelCard, read_card
from edgeseg.system.python_command import module_command
from edgeseg.system.scratch_folder import scratch_folder

MAX_MASK_DIFFERENCE = 0.01
"""Largest share of mask pixels that may differ from the mask of the first runtime. With a broken
runtime, the whole mask differs. Probabilities are not compared, because OpenVINO's BF16
probabilities may differ by 0.15 although the masks are equal. The limit of `convert` (0.1 %) would
be too strict: for a network with random weights, 0.11 % of the pixels differ.
"""

TIMEOUT_S = 300
"""Time limit of a check in seconds. On a Jetson, TensorRT builds its engine for minutes."""

CPU_PROVIDER = "CPUExecutionProvider"

REMOTE_PROVIDERS = frozenset({"AzureExecutionProvider"})
"""Providers that use a network service. They are part of every wheel and are not checked."""


class RuntimeCheck(msgspec.Struct, frozen=True):
    """Result of checking one runtime or execution provider.

    Attributes:
        name: name of the runtime (`onnxruntime`) or provider (`CUDAExecutionProvider`).
        works: True if the model ran and its mask agrees with the mask of the first entry that
            works.
        note: details, or the reason for the failure.
        installed: False if the runtime or provider is not installed and was therefore not checked.
    """

    name: str
    works: bool
    note: str
    installed: bool = True

    def __bool__(self) -> bool:
        return self.works


class WorkerAnswer(msgspec.Struct):
    """Output of `check_worker`.

    Attributes:
        providers: execution providers of the installed ONNX Runtime.
        nodes: number of nodes that ran on the checked provider.
        total_nodes: number of nodes of the model.
    """

    providers: list[str] = []
    nodes: int = 0
    total_nodes: int = 0


def check_runtimes(names: Sequence[str], model: Path) -> list[RuntimeCheck]:
    """Run a model in each runtime."""
    return _run_checks("runtime", names, model.resolve())


def check_providers(model: Path) -> list[RuntimeCheck]:
    """Run a model on each local execution provider of ONNX Runtime, the CPU first."""
    try:
        names = _ask_worker("list").providers
    except SystemSetupError as error:
        return [RuntimeCheck(CPU_PROVIDER, False, str(error))]
    local = [name for name in names if name not in REMOTE_PROVIDERS]
    cpu_first = sorted(local, key=lambda name: name != CPU_PROVIDER)
    return _run_checks("provider", cpu_first, model.resolve())


def _run_checks(kind: str, names: Sequence[str], model: Path) -> list[RuntimeCheck]:
    checks = []
    reference: Probability | None = None
    card = read_card(model)
    with scratch_folder() as folder:
        for name in names:
            output = folder / f"{name}.npy"
            try:
                answer = _ask_worker(kind, name, str(model), str(output))
                probability: Probability = np.load(output, allow_pickle=False)
            except (SystemSetupError, OSError, ValueError) as error:
                checks.append(RuntimeCheck(name, False, one_line(error)))
                continue
            expected = probability if reference is None else reference
            difference = _describe_difference(probability, expected, card)
            if not difference:
                reference = expected
            note = "runs the model"
            if answer.total_nodes:
                note += f"; {answer.nodes} of {answer.total_nodes} nodes run on this provider"
            checks.append(RuntimeCheck(name, not difference, difference or note))
    return checks


def _describe_difference(probability: Probability, reference: Probability, card: ModelCard) -> str:
    """Describe the difference between two masks, or return "" if they agree."""
    if probability.shape != reference.shape or not np.isfinite(probability).all():
        return "wrong result: another shape, or NaN"
    share = float(np.mean((probability >= card.threshold) != (reference >= card.threshold)))
    if share <= MAX_MASK_DIFFERENCE:
        return ""
    return f"wrong result: {share:.2%} of mask pixels differ (limit {MAX_MASK_DIFFERENCE:.0%})"


def _ask_worker(*arguments: str) -> WorkerAnswer:
    """Run `check_worker` and return its output.

    Raises:
        SystemSetupError: The worker failed, crashed or timed out.
        ValueError: The output is not JSON.
    """
    command = module_command("edgeseg.commands.doctor.check_worker", *arguments)
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SystemSetupError(f"no result after {TIMEOUT_S} s") from error
    if done.returncode:
        last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise SystemSetupError(_describe_failure(done.returncode, last_line))
    return msgspec.json.decode(done.stdout.strip().rpartition(b"\n")[2], type=WorkerAnswer)


def _describe_failure(code: int, last_line: str) -> str:
    if code >= 0:
        return one_line(Exception(last_line)) or f"exit code {code}"
    signals = {number.value: number.name for number in signal.Signals}
    name = signals.get(-code, f"signal {-code}")
    hint = "; its package uses instructions that this CPU lacks" if name == "SIGILL" else ""
    return f"the process crashed ({name}){hint}"
