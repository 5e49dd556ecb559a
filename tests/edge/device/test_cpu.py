"""CPU features and names from /proc/cpuinfo."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.device.cpu import cpu_features, cpu_model, usable_cores

X86 = """processor\t: 0
model name\t: Some CPU
flags\t\t: fpu avx2 avx512_vnni amx_int8
vmx flags\t: vnmi invvpid
bugs\t\t: spectre_v1

processor\t: 1
flags\t\t: fpu avx2 avx512_vnni amx_int8
"""

BIG_LITTLE = """processor\t: 0
BogoMIPS\t: 38.40
Features\t: fp asimd crc32

processor\t: 4
Features\t: fp asimd crc32 fphp asimdhp asimddp

Hardware\t: Features of a board
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86, {"fpu", "avx2", "avx512_vnni", "amx_int8"}),
        (BIG_LITTLE, {"fp", "asimd", "crc32"}),
        ("", set()),
        ("processor: 0\n", set()),
    ],
)
def test_cpu_features_are_those_of_every_core(
    tmp_path: Path, text: str, expected: set[str]
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_features(tmp_path / "cpuinfo") == expected


def test_cpu_features_without_readable_cpuinfo_is_empty(tmp_path: Path) -> None:
    assert cpu_features(tmp_path / "cpuinfo") == set()
    assert cpu_features(tmp_path) == set()
    (tmp_path / "cpuinfo").write_bytes(b"flags: \xff\xfe avx2\n")
    assert "avx2" in cpu_features(tmp_path / "cpuinfo")


def test_cpu_functions_work_on_this_machine() -> None:
    assert isinstance(cpu_features(), frozenset)
    assert usable_cores() >= 1
    assert cpu_model()


@pytest.mark.parametrize(
    ("text", "expected"),
    [(X86, "Some CPU"), ("CPU part : 0xD08\n", "Cortex-A72"), ("CPU part : 0x1\n", "ARM core 0x1")],
)
def test_cpu_model_is_name_or_arm_core(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_model(tmp_path / "cpuinfo") == expected
