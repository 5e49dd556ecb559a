"""Search for working sizes that a network supports."""

import re
from collections.abc import Iterator

import torch

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import SIZE_RANGE
from edgeseg_export.onnx_graph.trace import PhotoToProbability, trace_to_onnx

# Factors that a working size may require. Networks halve the size up to five times, pool to 1, 2, 3
# and 6 bins (PSPNet, UPerNet), or use patches of 14 or 16 pixels.
MULTIPLES = (32, 48, 64, 96, 192, 14)
# Sizes of pretrained vision transformers, for networks with a fixed size.
FIXED_SIZES = (224, 256, 384, 512, 518, 1024)
MAX_TRIED = 16
MAX_FOUND = 2


def search_sizes(network: PhotoToProbability, size: int, opset: int, problem: str) -> list[int]:
    """Return up to two working sizes that the network supports, the nearest sizes first.

    Args:
        network: network in evaluation mode, FP32, on the CPU.
        size: working size that is not supported.
        opset: opset of the graph.
        problem: error message of the network. Sizes in this message are tried first.
    """
    found: list[int] = []
    for candidate in _list_candidates(size, problem):
        if _can_export(network, candidate, opset):
            found.append(candidate)
        if len(found) == MAX_FOUND:
            break
    return found


def describe_sizes(network: PhotoToProbability, size: int, opset: int, problem: str) -> str:
    """Return advice on the working size for a network that cannot be exported."""
    found = search_sizes(network, size, opset, problem)
    if not found:
        tried = ", ".join(map(str, sorted(_list_candidates(size, problem))))
        return (
            f"No other size is supported either (tried {tried}). Check that the network works in "
            "PyTorch, and give its training size with --size."
        )
    choices = " or ".join(f"--size {candidate}" for candidate in found)
    return f"The network supports {choices}."


def _list_candidates(size: int, problem: str) -> list[int]:
    mentioned = [int(number) for number in re.findall(r"\b\d{2,4}\b", problem)]
    candidates = [number for number in mentioned if number >= min(FIXED_SIZES)]
    candidates += sorted(_list_near(size), key=lambda near: abs(near - size))
    candidates += FIXED_SIZES
    low, high = SIZE_RANGE
    high = min(high, max(2 * size, *FIXED_SIZES))
    unique = dict.fromkeys(n for n in candidates if low <= n <= high and n != size)
    return list(unique)[:MAX_TRIED]


def _list_near(size: int) -> Iterator[int]:
    """List the next smaller and the next larger multiples of a size."""
    for multiple in MULTIPLES:
        below = size // multiple * multiple
        yield from (below, below + multiple)


@torch.inference_mode()
def _can_compute(network: PhotoToProbability, size: int) -> bool:
    try:
        network(torch.zeros(1, size, size, 3, dtype=torch.uint8))
    except Exception:  # a third-party network may raise any exception
        return False
    return True


def _can_export(network: PhotoToProbability, size: int, opset: int) -> bool:
    if not _can_compute(network, size):  # a call is much faster than an export
        return False
    try:
        trace_to_onnx(network, size, opset)
    except ModelError:
        return False
    return True
