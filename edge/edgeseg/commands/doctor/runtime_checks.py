"""Which runtimes and execution providers really work here: each is tried, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgeseg.errors import SystemSetupError, one_line
from edgeseg.imaging.arrays import Probability
from edgeseg.models.card import ModelCard, read_card

LARGEST_SHARE = 0.01
"""Of pixels whose mask differs from the first runtime's: what is broken differs everywhere.

Not the probability itself: OpenVINO's BF16 is up to 0.15 off where it decides nothing. Nor the 0.1 % of `convert`: a
network with random weights has more pixels at its threshold than a trained one (0.11 %, the trained one 0.04 %).
"""

PATIENCE_S = 300
"""TensorRT builds its engine on the first run, which takes a Jetson minutes."""

CPU_PROVIDER = "CPUExecutionProvider"


@dataclass(frozen=True)
class RuntimeCheck:
    """What came of one runtime or provider.

    Attributes:
        name: of the runtime (`onnxruntime`) or provider (`CUDAExecutionProvider`).
        works: it computed the model, and agrees with the first that did.
        note: how, or why not.
        installed: nothing was tried of one that is not there.
    """

    name: str
    works: bool
    note: str
    installed: bool = True

    def __bool__(self) -> bool:
        return self.works

    def to_dict(self) -> dict[str, object]:
        """As in JSON."""
        return asdict(self)


def check_runtimes(names: Iterable[str], model: Path) -> list[RuntimeCheck]:
    """Compute `model` in each runtime."""
    return list(_try_all("runtime", names, model.resolve()))


def check_providers(model: Path) -> list[RuntimeCheck]:
    """Compute `model` on each execution provider that ONNX Runtime lists, the CPU first."""
    try:
        listed = _ask("list").get("providers", [])
    except SystemSetupError as error:
        return [RuntimeCheck(CPU_PROVIDER, False, str(error))]
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    return list(
        _try_all("provider", sorted(names, key=lambda name: name != CPU_PROVIDER), model.resolve())
    )


def _try_all(kind: str, names: Iterable[str], model: Path) -> Iterator[RuntimeCheck]:
    first: Probability | None = None
    card = read_card(model)
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as scratch:
        for name in names:
            output = Path(scratch) / f"{name}.npy"
            try:
                answer = _ask(kind, name, str(model), str(output))
                probability: Probability = np.load(output, allow_pickle=False)
            except (SystemSetupError, OSError, ValueError) as error:
                yield RuntimeCheck(name, False, one_line(error))
                continue
            first = probability if first is None else first
            wrong = _difference(probability, first, card)
            nodes = (
                f"; {answer['nodes']} of {answer['of']} nodes run on it"
                if "nodes" in answer
                else ""
            )
            yield RuntimeCheck(name, not wrong, wrong or f"computed the model{nodes}")


def _difference(probability: Probability, first: Probability, card: ModelCard) -> str:
    """How the two masks differ, or ""."""
    if probability.shape != first.shape or not np.isfinite(probability).all():
        return "computes something else: another shape, or NaN"
    share = float(np.mean((probability >= card.threshold) != (first >= card.threshold)))
    if share <= LARGEST_SHARE:
        return ""
    return f"computes something else: {share:.2%} of the mask's pixels differ, at most {LARGEST_SHARE:.0%} may"


def _ask(*arguments: str) -> dict[str, object]:
    """The answer of an attempt.

    Raises:
        SurroundingsError: it failed, crashed or did not end.
    """
    command = [sys.executable, "-m", "edgeseg.commands.doctor.check_worker", *arguments]
    try:
        done = subprocess.run(
            # There, as Python looks for modules in the folder that it starts in, which may hold anything.
            command, cwd=Path(__file__).parents[3],
            capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SystemSetupError(f"was not done after {PATIENCE_S} s") from error
    if done.returncode:
        raise SystemSetupError(_reason(done.returncode, done.stderr))
    answer: object = json.loads(done.stdout.strip().rpartition("\n")[2] or "{}")
    return answer if isinstance(answer, dict) else {}


def _reason(code: int, said: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        fit = "; its wheel holds instructions that this CPU lacks" if name == "SIGILL" else ""
        return f"the process died ({name}){fit}"
    return one_line(Exception(said.strip().rpartition("\n")[2])) or f"exit code {code}"
