"""OpenAPI document, generated from the structures of requests and responses."""

from typing import Any

import msgspec

from edgeseg._version import __version__
from edgeseg.run.results.record import ResultRecord
from edgeseg.server.model_info import Health, ModelInfo
from edgeseg.server.options import SegmentOptions
from edgeseg.server.problems import PROBLEM_TYPE, Problem

_REFERENCE = "#/components/schemas/{name}"
_STRUCTS = (ResultRecord, Problem, Health, ModelInfo, SegmentOptions)

_FAILED_STATUSES = {
    "422": "The photograph failed. The response contains records with `status` `failed`.",
    "413": "The photograph, or an image in its file, is too large.",
    "415": "The format is not supported.",
}
_PROBLEM_STATUSES = {
    "400": "Invalid query parameter or form.",
    "401": "The token is missing.",
    "403": "The request comes from another site.",
    "406": "Neither JSON nor PNG is accepted.",
    "408": "The upload stalled.",
    "421": "The host name in `Host` is not allowed.",
    "500": "A bug in edgeseg, or results that cannot be saved.",
    "503": "The queue is full. `Retry-After` contains the seconds to wait.",
}


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the API."""
    _, schemas = msgspec.json.schema_components(_STRUCTS, ref_template=_REFERENCE)
    parameters = schemas.pop("SegmentOptions")["properties"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgeseg", "version": __version__, "description": _DESCRIPTION},
        "paths": {
            "/segment": {"post": _segment_operation(parameters)},
            "/health": {"get": _get("health", "State of the server.", "Health")},
            "/model": {"get": _get("model", "Model that the server uses.", "ModelInfo")},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_DESCRIPTION = "Retinal vessel segmentation on this machine. Not a medical device."


def _segment_operation(parameters: dict[str, Any]) -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"photograph": binary}, "required": ["photograph"]}
    records = {"type": "array", "items": {"$ref": _REFERENCE.format(name="ResultRecord")}}
    responses = {
        "200": _response(
            "Records of the photograph, or its mask (8-bit grey, 255 for vessels).",
            {"application/json": {"schema": records}, "image/png": {"schema": binary}},
        )
    }
    problem = {PROBLEM_TYPE: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    for status, description in _FAILED_STATUSES.items():
        content = {"application/json": {"schema": records}} | problem
        responses[status] = _response(description, content)
    for status, description in _PROBLEM_STATUSES.items():
        responses[status] = _response(description, problem)
    return {
        "operationId": "segment",
        "summary": "Segment the vessels of a photograph.",
        "security": [{}, {"token": []}],
        "parameters": [_parameter(name, schema) for name, schema in parameters.items()],
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": binary},
                "multipart/form-data": {"schema": form},
            },
        },
        "responses": responses,
    }


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    described = dict(schema)
    description = described.pop("description", "")
    return {"name": name, "in": "query", "description": description, "schema": described}


def _get(name: str, summary: str, struct: str) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name=struct)}
    content = {"application/json": {"schema": schema}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _response(summary, content)},
    }


def _response(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}
