"""Mutations of bytes and texts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.mutators import BYTE_MUTATORS, TEXT_MUTATORS, Mutator, mutate, truncate


@given(data=st.binary(max_size=300), seed=st.integers(0, 1000), text=st.booleans())
def test_mutate_same_seed_gives_same_bytes(data: bytes, seed: int, text: bool) -> None:
    others = (b"another file", b"")
    first, second = [mutate(data, others, random.Random(seed), text) for _ in range(2)]
    assert first == second


@pytest.mark.parametrize("mutator", TEXT_MUTATORS)
def test_mutator_changes_most_texts(mutator: Mutator) -> None:
    text = b"first = 1\nsecond = [2, 3]\nthird = 'x'\nfourth = 10000\n"
    changed = 0
    for seed in range(100):
        data = bytearray(text)
        mutator(data, random.Random(seed), (b"other = 5\n",))
        changed += data != text
    assert changed > 40


def test_mutate_uses_every_mutator() -> None:
    rng = random.Random(0)
    names = {mutate(bytes(100), (), rng, text=False)[0] for _ in range(300)}
    assert names == {mutator.__name__ for mutator in BYTE_MUTATORS}


def test_truncate_removes_at_least_one_byte() -> None:
    data = bytearray(b"abc")
    truncate(data, random.Random(0), ())
    assert b"abc".startswith(bytes(data))
    assert len(data) < 3
