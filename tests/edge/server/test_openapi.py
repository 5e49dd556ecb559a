"""OpenAPI document of the HTTP API."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from edgeseg.run.results.record import ResultRecord


def test_openapi_describes_every_column(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    record = document["components"]["schemas"]["ResultRecord"]
    assert set(record["properties"]) == set(ResultRecord.__struct_fields__)
    references = [part for part in json.dumps(document).split('"') if part.startswith("#/")]
    schemas = document["components"]["schemas"]
    assert {reference.rsplit("/", 1)[1] for reference in references} <= set(schemas)


def test_responses_match_openapi_schemas(client: TestClient, photograph: bytes) -> None:
    fastjsonschema = pytest.importorskip("fastjsonschema")
    document = client.get("/openapi.json").json()
    text = json.dumps(document["components"]["schemas"]).replace("#/components/schemas", "#/$defs")
    definitions = json.loads(text)

    def check(name: str, value: object) -> None:
        fastjsonschema.compile({"$ref": f"#/$defs/{name}", "$defs": definitions})(value)

    for record in client.post("/segment?measures=1", content=photograph).json():
        check("ResultRecord", record)
    check("ResultRecord", client.post("/segment", content=b"text").json()[0])
    check("Problem", client.get("/segment").json())
    check("Health", client.get("/health").json())
    check("ModelInfo", client.get("/model").json())
