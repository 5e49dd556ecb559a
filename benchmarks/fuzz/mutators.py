"""Mutations of the bytes of a file or of a text. The same seed gives the same mutation."""

import random
import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

Mutator: TypeAlias = Callable[[bytearray, random.Random, Sequence[bytes]], None]
"""Function that changes bytes in place. Arguments: bytes, random generator, other valid files."""

_LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)
_TOKENS = (
    *(b"-1", b"0", b"1e999", b"-1e999", b"NaN", b"Infinity", b"9" * 400, b"0x10", b"1_000"),
    *(b"null", b"true", b"{}", b"[]", b'""', b"''", b"[[[[", b"]]]]", b"{" * 3000, b"[" * 3000),
    *(b"\x00", b"\x1b]52;c;eA==\x07", b"\r", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *("\u202e\u00e9\U0001f441".encode(), b"=1+1", b"::error::", b"../../x", b"%s%n", b'","', b"\\"),
    *(b'"x":' + b"[" * 3000, b'"x":' + b'{"a":' * 3000, b"x = " + b"[" * 3000),
    *(b"\n\n", b",", b"=", b":", b"#", b"A" * 140_000),
)
_SEPARATORS = b",:=;{}[]()\"' \t\n"


def flip_bits(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Flip one to four bits."""
    for _ in range(rng.choice((1, 1, 1, 4))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def edit_number(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Overwrite a number of 1 to 8 bytes, such as a length, with an extreme or a similar value."""
    code = rng.choice("BHIQ")
    order = rng.choice("<>")
    size = struct.calcsize(code)
    if size > len(data):
        return
    start = _position(data, rng, size)
    limit = (1 << 8 * size) - 1
    number = rng.choice(_LENGTHS) & limit
    if rng.random() < 0.5:
        (old,) = struct.unpack_from(order + code, data, start)
        number = (old + rng.choice((-1, 1, -8, 8, old))) & limit
    struct.pack_into(order + code, data, start, number)


def zero_block(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Overwrite a block, or all bytes after a position, with bytes 0x00 or 0xFF."""
    start, end = _block(data, rng)
    if rng.random() < 0.2:
        end = len(data)
    data[start:end] = bytes([rng.choice((0, 0, 0xFF))]) * (end - start)


def repeat_block(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Repeat a block one or more times."""
    start, end = _block(data, rng)
    data[end:end] = bytes(data[start:end]) * rng.choice((1, 1, 1, 50))


def delete_block(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Remove a block."""
    start, end = _block(data, rng)
    del data[start:end]


def truncate(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Remove the end."""
    del data[rng.randrange(len(data)) :]


def swap_blocks(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Exchange two blocks."""
    first, second = sorted(_block(data, rng) for _ in range(2))
    if first[1] > second[0]:
        return
    middle = data[first[1] : second[0]]
    swapped = data[slice(*second)] + middle + data[slice(*first)]
    data[first[0] : second[1]] = swapped


def splice(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    """Replace a block with a block of another valid file or with random bytes."""
    start, end = _block(data, rng)
    other = bytearray(rng.choice(others)) if others else bytearray(rng.randbytes(end - start))
    data[start:end] = other[slice(*_block(other, rng))]


def insert_token(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Insert an unexpected token, or replace a word with such a token."""
    start = _position(data, rng, 0)
    end = start
    if rng.random() < 0.7:
        start, end = _word(data, start)
    data[start:end] = rng.choice(_TOKENS)


def edit_line(data: bytearray, rng: random.Random, _others: Sequence[bytes]) -> None:
    """Repeat, remove or move a line."""
    lines = data.splitlines(keepends=True)
    line = lines[rng.randrange(len(lines))]
    action = rng.randrange(3)
    if action > 0:
        lines.remove(line)
    if action < 2:
        lines.insert(rng.randrange(len(lines) + 1), line)
    data[:] = b"".join(lines)


BYTE_MUTATORS: tuple[Mutator, ...] = (
    flip_bits,
    edit_number,
    zero_block,
    repeat_block,
    delete_block,
    truncate,
    swap_blocks,
    splice,
)
TEXT_MUTATORS: tuple[Mutator, ...] = (*BYTE_MUTATORS, insert_token, edit_line)


def mutate(
    data: bytes, others: Sequence[bytes], rng: random.Random, text: bool
) -> tuple[str, bytes]:
    """Apply one mutation. With a probability of 1/8, apply a second mutation of the same kind.

    Args:
        data: valid content.
        others: contents of other valid files, for splices.
        rng: random generator.
        text: whether the content is a text.

    Returns:
        Name of the mutation, and the changed content.
    """
    mutator = rng.choice(TEXT_MUTATORS if text else BYTE_MUTATORS)
    mutated = bytearray(data)
    for _ in range(2 if rng.random() < 1 / 8 else 1):
        if mutated:
            mutator(mutated, rng, others)
    return mutator.__name__, bytes(mutated)


def _position(data: bytearray, rng: random.Random, size: int) -> int:
    """Return a random offset. One third of the offsets are near the beginning of the file."""
    last = len(data) - size
    if rng.random() < 1 / 3:
        last = min(last, 64)
    return rng.randint(0, last)


def _block(data: bytearray, rng: random.Random) -> tuple[int, int]:
    """Return the start and end of a random block. Most blocks are short."""
    start = _position(data, rng, min(1, len(data)))
    length = int(len(data) ** rng.uniform(0, 0.9)) if data else 0
    return start, min(len(data), start + max(1, length))


def _word(data: bytearray, position: int) -> tuple[int, int]:
    """Return the start and end of the word at an offset."""
    start = end = position
    while start > 0 and data[start - 1] not in _SEPARATORS:
        start -= 1
    while end < len(data) and data[end] not in _SEPARATORS:
        end += 1
    return start, end
