"""Which data type a file's convolutions really compute in, from ONNX Runtime's profile.

A file in half precision may run in FP32 behind casts, and nothing else says so.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from edgeseg.models.card import read_card

TYPES = {"float": "float32", "float16": "float16", "uint8": "int8", "int8": "int8"}
"""ONNX Runtime's words -> ours; 8 bits are INT8, signed or not."""


def kernel_types(file: Path, threads: int) -> dict[str, int]:
    """Convolutions by data type, for one photograph; in a process of its own, as profiling slows a session down."""
    import onnxruntime  # noqa: PLC0415

    size = read_card(file).preprocessing.size
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        session.run(None, {"photo": np.zeros((1, size, size, 3), np.uint8)})
        events = json.loads(Path(session.end_profiling()).read_text())
    return count(events)


def count(events: Iterable[Mapping[str, object]]) -> dict[str, int]:
    """A profile's events -> convolutions by the data type of what they took, most first."""
    found: dict[str, str] = {}
    for event in events:
        told = event.get("args")
        if not isinstance(told, Mapping) or "Conv" not in str(told.get("op_name", "")):
            continue
        inputs = told.get("input_type_shape")
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], Mapping):
            kind = next(iter(inputs[0]), "")
            found[str(event.get("name"))] = TYPES.get(kind, str(kind))
    return dict(Counter(found.values()).most_common())
