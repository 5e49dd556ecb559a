"""The summary of the gate as Markdown, and the script of the GitHub Action."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.errors import SystemSetupError
from edgeseg_benchmarks.gate.result import GateResult, MetricComparison
from edgeseg_benchmarks.gate.summary import headline, to_markdown, write_summaries

ROOT = Path(__file__).parents[3]
PASSED = MetricComparison("default fp32", "file size", "ok", "4.0 MB", "4.0 MB", "+0.0%")
WORSE = MetricComparison(
    "default int8", "Dice drive test (20)", "worse", "0.8000", "0.7000", "-0.1000, limit -0.0020"
)


def test_to_markdown_starts_with_failures() -> None:
    text = to_markdown(GateResult((PASSED, WORSE)))
    assert text.startswith("## edgeseg gate failed: 1 ok, 1 worse\n")
    assert text.index("default int8") < text.index("default fp32")
    assert "**worse**" in text
    assert "worse" not in to_markdown(GateResult((PASSED,)))


def test_headline_without_comparisons_is_a_failure() -> None:
    assert headline(GateResult(())).startswith("failed")


@given(st.text())
def test_to_markdown_escapes_names(name: str) -> None:
    text = to_markdown(GateResult((MetricComparison(name, name, "ok", name, name, name),)))
    (line,) = [line for line in text.splitlines() if line.endswith("| ok |")]
    assert len(re.findall(r"(?<!\\)\|", line)) == 7
    assert "<" not in line and "`" not in line and "[" not in line


def test_write_summaries_appends_to_the_step_summary(tmp_path: Path) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n")
    write_summaries(GateResult((PASSED,)), tmp_path / "own.md", {"GITHUB_STEP_SUMMARY": str(step)})
    assert step.read_text() == "before\n" + (tmp_path / "own.md").read_text()
    write_summaries(GateResult((PASSED,)), None, {})
    with pytest.raises(SystemSetupError, match="GITHUB_STEP_SUMMARY"):
        write_summaries(GateResult((PASSED,)), None, {"GITHUB_STEP_SUMMARY": str(tmp_path)})


def script_arguments(tmp_path: Path, **inputs: str) -> list[str]:
    """Return the arguments that gate.sh passes to edgeseg."""
    stand_in = tmp_path / "edgeseg"
    stand_in.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "EDGESEG": str(stand_in), **inputs}
    command = ["bash", str(ROOT / "benchmarks" / "gate.sh")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_gate_script_turns_inputs_into_arguments(tmp_path: Path) -> None:
    assert script_arguments(tmp_path, BASELINE="b.json") == ["gate", "b.json"]
    arguments = script_arguments(
        tmp_path,
        BASELINE="my base.json",
        MODEL="a.onnx\n  b c.onnx \n\n",
        DATA="pairs:my eyes\n",
        MAX_SIZE_GROWTH="3%",
        SUMMARY="$(touch x)",
    )
    expected = ["gate", "my base.json", "--model", "a.onnx", "--model", "b c.onnx"]
    expected += ["--data", "pairs:my eyes", "--max-size-growth", "3%", "--summary", "$(touch x)"]
    assert arguments == expected


def test_gate_action_passes_every_input_to_the_script() -> None:
    action, gate = (ROOT / "action.yml").read_text(), (ROOT / "benchmarks/gate.sh").read_text()
    declared = set(re.findall(r"^  ([a-z-]+):\n    description", action, re.M))
    used = dict(re.findall(r"^        ([A-Z_]+): \$\{\{ inputs\.([a-z-]+) \}\}$", action, re.M))
    assert set(used.values()) == declared - {"python-version"}
    assert set(used) == set(re.findall(r"\$\{?([A-Z_]+)", gate)) - {"EDGESEG"}
    assert not re.search(r"run:[^#]*\$\{\{", action), "an input would be executed as a command"
