"""The gate's words for a pull request, and the script that the GitHub Action runs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import SystemSetupError
from edgeseg_benchmarks.gate.summary import headline, to_markdown, write_summaries
from edgeseg_benchmarks.gate.verdict import GateResult, MetricComparison

ROOT = Path(__file__).parents[2]
HELD = MetricComparison("default fp32", "file size", "held", "4.0 MB", "4.0 MB", "+0.0%")
WORSE = MetricComparison(
    "default int8", "Dice drive test (20)", "worse", "0.8000", "0.7000", "-0.1000, limit -0.0020"
)


def test_what_closed_the_gate_comes_first() -> None:
    text = to_markdown(GateResult((HELD, WORSE)))
    assert text.startswith("## edgeseg gate closed: 1 held, 1 worse\n")
    assert text.index("default int8") < text.index("default fp32")
    assert "**WORSE**" in text
    assert "WORSE" not in to_markdown(GateResult((HELD,)))
    assert headline(GateResult(())) == "closed: nothing could be compared"


@given(st.text())
def test_names_from_a_file_make_no_markup(name: str) -> None:
    text = to_markdown(GateResult((MetricComparison(name, name, "held", name, name, name),)))
    (line,) = [line for line in text.splitlines() if line.endswith("| held |")]
    assert len(re.findall(r"(?<!\\)\|", line)) == 7
    assert "<" not in line and "`" not in line and "[" not in line


def test_a_step_summary_is_added_to(tmp_path: Path) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n")
    write_summaries(GateResult((HELD,)), tmp_path / "own.md", {"GITHUB_STEP_SUMMARY": str(step)})
    assert step.read_text() == "before\n" + (tmp_path / "own.md").read_text()
    write_summaries(GateResult((HELD,)), None, {})
    with pytest.raises(SystemSetupError, match="GITHUB_STEP_SUMMARY"):
        write_summaries(GateResult((HELD,)), None, {"GITHUB_STEP_SUMMARY": str(tmp_path)})


def script(tmp_path: Path, **inputs: str) -> list[str]:
    """The arguments that gate.sh gives to edgeseg."""
    stand_in = tmp_path / "edgeseg"
    stand_in.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "EDGESEG": str(stand_in), **inputs}
    command = ["bash", str(ROOT / "benchmarks" / "gate.sh")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_actions_inputs_become_arguments(tmp_path: Path) -> None:
    assert script(tmp_path, BASELINE="b.json") == ["gate", "b.json"]
    told = script(
        tmp_path, BASELINE="my base.json", MODEL="a.onnx\n  b c.onnx \n\n", DATA="pairs:my eyes\n",
        MAX_SIZE_GROWTH="3%", SUMMARY="$(touch x)",
    )  # fmt: skip
    assert told == [
        "gate", "my base.json", "--model", "a.onnx", "--model", "b c.onnx", "--data", "pairs:my eyes",
        "--max-size-growth", "3%", "--summary", "$(touch x)",
    ]  # fmt: skip


def test_every_input_of_the_action_reaches_the_script() -> None:
    action, gate = (ROOT / "action.yml").read_text(), (ROOT / "benchmarks" / "gate.sh").read_text()
    declared = set(re.findall(r"^  ([a-z-]+):\n    description", action, re.M))
    used = dict(re.findall(r"^        ([A-Z_]+): \$\{\{ inputs\.([a-z-]+) \}\}$", action, re.M))
    assert set(used.values()) == declared - {"python-version"}
    assert set(used) == set(re.findall(r"\$\{?([A-Z_]+)", gate)) - {"EDGESEG"}
    assert not re.search(r"run:[^#]*\$\{\{", action), "an input would be read as a command"
