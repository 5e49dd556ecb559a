"""Profile of ONNX Runtime: the execution provider and data type of each node.

ONNX Runtime may run an FP16 file in FP32 with additional casts. It may also run nodes on the CPU
instead of on the selected provider. Only the profile shows which nodes are affected.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgeseg.errors import SystemSetupError
from edgeseg.imaging.arrays import Probability
from edgeseg.runtimes.gpu_libraries import preload_gpu_libraries

CPU_PROVIDER = "CPUExecutionProvider"

TYPES = {"float": "float32", "float16": "float16", "uint8": "int8", "int8": "int8"}
"""Names of ONNX Runtime's element types in reports. INT8 may be signed or unsigned."""


class NodeDetails(msgspec.Struct, frozen=True):
    """Details of a profile event; empty if the event is not about a node.

    Attributes:
        op_name: operator of the node.
        provider: execution provider that ran the node.
        input_type_shape: dict from element type to shape, for each input.
    """

    op_name: str = ""
    provider: str = ""
    input_type_shape: Sequence[dict[str, object]] = ()


class ProfileEvent(msgspec.Struct, frozen=True):
    """Event in a profile of ONNX Runtime. Fields that are not used are omitted."""

    name: str = ""
    args: NodeDetails = NodeDetails()


def run_with_profile(
    file: Path,
    threads: int,
    photo: npt.NDArray[np.uint8],
    provider: str = CPU_PROVIDER,
) -> tuple[Probability, list[ProfileEvent]]:
    """Run a model once with profiling. Profiling makes the session slower.

    Args:
        file: model file.
        threads: number of CPU threads.
        photo: (1, size, size, 3) uint8, network input.
        provider: name of the execution provider in ONNX Runtime.

    Returns:
        (size, size) float32 probability, and the profile.

    Raises:
        SystemSetupError: ONNX Runtime cannot initialize the provider.
    """
    import onnxruntime  # noqa: PLC0415

    if provider != CPU_PROVIDER:
        preload_gpu_libraries()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.enable_profiling = True
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=[provider])
        providers = session.get_providers()
        if provider not in providers:
            raise SystemSetupError(
                f"cannot be initialized; ONNX Runtime fell back to {', '.join(providers)}"
            )
        (output,) = session.run(["probability"], {"photo": photo})
        profile = Path(session.end_profiling()).read_bytes()
    return np.asarray(output, np.float32)[0], msgspec.json.decode(profile, type=list[ProfileEvent])


def kernel_types(file: Path, size: int, threads: int) -> dict[str, int]:
    """Count a model's convolutions for each data type, most frequent first.

    Args:
        file: model file.
        size: side of the network input in pixels, from the model's card.
        threads: number of CPU threads.
    """
    _, events = run_with_profile(file, threads, np.zeros((1, size, size, 3), np.uint8))
    return count_kernel_types(events)


def count_kernel_types(events: Sequence[ProfileEvent]) -> dict[str, int]:
    """Count the convolutions of a profile for each input data type, most frequent first."""
    types = {}
    for event in events:
        if "Conv" in event.args.op_name and event.args.input_type_shape:
            element_type = next(iter(event.args.input_type_shape[0]), "")
            types[event.name] = TYPES.get(element_type, element_type)
    return dict(Counter(types.values()).most_common())


def count_nodes_by_provider(events: Sequence[ProfileEvent]) -> Counter[str]:
    """Count the nodes of a profile for each execution provider."""
    return Counter(event.args.provider for event in events if event.args.provider)
