"""Responses to `GET /model` and `GET /health`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from edgeseg._version import __version__
from edgeseg.models.card import Precision
from edgeseg.segmenter import Segmenter


class ModelInfo(Struct, frozen=True, kw_only=True):
    """Model of the server."""

    edgeseg_version: Annotated[str, Meta(description="Version of edgeseg.")]
    model: Annotated[str, Meta(description="Name of the model.")]
    model_sha256: Annotated[str, Meta(description="SHA-256 of the model file.")]
    architecture: Annotated[str, Meta(description="Architecture of the network.")]
    precision: Annotated[Precision, Meta(description="Precision of the model file.")]
    runtime: Annotated[str, Meta(description="Runtime that executes the network.")]
    provider: Annotated[
        str | None,
        Meta(description="Execution provider of ONNX Runtime; null for other runtimes."),
    ]
    threshold: Annotated[float, Meta(description="Default vessel probability threshold.")]
    working_size: Annotated[int, Meta(description="Side of the network's input in pixels.")]
    max_upload_bytes: Annotated[
        int, Meta(description="Maximum size of a photograph file in bytes.")
    ]


class Health(Struct, frozen=True, kw_only=True):
    """State of the server."""

    status: Annotated[Literal["ok"], Meta(description="The server is running.")] = "ok"
    waiting: Annotated[int, Meta(description="Number of waiting requests.")]
    running: Annotated[int, Meta(description="Number of requests in progress.")]


def describe_model(segmenter: Segmenter, max_upload_bytes: int) -> ModelInfo:
    """Describe a loaded model."""
    return ModelInfo(
        edgeseg_version=__version__,
        model=segmenter.file.name,
        model_sha256=segmenter.model_sha256,
        architecture=segmenter.card.architecture,
        precision=segmenter.card.precision,
        runtime=segmenter.runtime_name,
        provider=segmenter.provider,
        threshold=segmenter.threshold,
        working_size=segmenter.card.preprocessing.size,
        max_upload_bytes=max_upload_bytes,
    )
