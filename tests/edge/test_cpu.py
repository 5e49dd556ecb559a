"""What the CPU can do, from the words that Linux has for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.device.cpu import cpu_features, usable_cores

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
def test_features_are_those_of_every_core(tmp_path: Path, text: str, expected: set[str]) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_features(tmp_path / "cpuinfo") == expected


def test_a_system_that_does_not_tell_has_none(tmp_path: Path) -> None:
    assert cpu_features(tmp_path / "cpuinfo") == set()
    assert cpu_features(tmp_path) == set()
    (tmp_path / "cpuinfo").write_bytes(b"flags: \xff\xfe avx2\n")
    assert "avx2" in cpu_features(tmp_path / "cpuinfo")


def test_this_machine_answers() -> None:
    assert isinstance(cpu_features(), frozenset)
    assert usable_cores() >= 1
