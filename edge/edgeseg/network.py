"""The network that a request asks for: found at once, loaded in a thread.

Apart from `edgeseg.segmenter`, so that a run has it loaded while it loads all that prepares photographs.
"""

from __future__ import annotations

import os

import cv2  # noqa: F401  sets an environment variable when it is loaded, while no thread may look at them

from edgeseg.errors import UsageError
from edgeseg.models.catalog import PrecisionChoice
from edgeseg.models.selection import select_model
from edgeseg.runtimes.base import ProviderChoice, Runtime, RuntimeChoice, runtime_loader
from edgeseg.system.background import BackgroundTask


class Network:
    """A network that is being loaded, and the threshold that goes with it.

    Args:
        model: a shipped name (`default`) or a model file.
        precision: `auto`, or the precision whose file is to be loaded.
        runtime: `auto` (OpenVINO where it is installed), `onnxruntime` or `openvino`.
        threads: to compute with; None takes every core that the process may use.
        threshold: probability from which a pixel is vessel; None takes the model's own.
        provider: ONNX Runtime's (`cpu`, `cuda`, `tensorrt`); None is the CPU.

    Raises:
        ModelError: there is no such model or precision, or it does not say how it is fed.
        SurroundingsError: the runtime is not installed.
        UsageError: `threads` or `threshold` make no sense.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        precision: PrecisionChoice = "auto",
        runtime: RuntimeChoice = "auto",
        threads: int | None = None,
        threshold: float | None = None,
        provider: ProviderChoice | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"threads = {threads}: at least 1")
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"threshold = {threshold}: a probability, 0 to 1")
        self.file, self.runtime_name, self.threads, _ = select_model(
            model, precision, runtime, threads, provider
        )
        self.card = self.file.card
        self.threshold = self.card.threshold if threshold is None else threshold
        size = self.card.preprocessing.size
        self._loading = BackgroundTask(
            runtime_loader(self.file.path, size, self.runtime_name, self.threads, provider)
        )

    def loaded(self) -> Runtime:
        """Wait for it.

        Raises:
            ModelError: it was refused.
            SurroundingsError: the provider is not available.
        """
        return self._loading.result()
