"""Columns of the result record, for the JSON schema, tables and the data dictionary."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from edgeseg.run.results.record import ResultRecord

_UNPREFIXED = ("measures",)  # columns of these groups have no prefix


class Column(NamedTuple):
    """Column of a table. Nested groups are flattened with an underscore.

    Attributes:
        name: name in tables, such as `quality_focus`.
        type: JSON type, or the allowed values.
        unit: unit, or an empty text.
        definition: definition in one sentence.
        version: version of the definition.
    """

    name: str
    type: str
    unit: str
    definition: str
    version: int


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of one record (draft 2020-12)."""
    return msgspec.json.schema(ResultRecord)


def columns() -> tuple[Column, ...]:
    """Return all columns of the record in order."""
    return tuple(_struct_columns("ResultRecord", "", json_schema()["$defs"]))


def flatten_record(record: msgspec.Struct) -> dict[str, Any]:
    """Return the values of a record by column name, without absent keys."""
    return dict(_flatten("", msgspec.to_builtins(record)))


def _flatten(prefix: str, group: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in group.items():
        if isinstance(value, dict):
            yield from _flatten(prefix if name in _UNPREFIXED else f"{prefix}{name}_", value)
        else:
            yield prefix + name, value


def _struct_columns(struct: str, prefix: str, definitions: dict[str, Any]) -> Iterator[Column]:
    for name, schema in definitions[struct]["properties"].items():
        nested = _nested_struct(schema)
        if nested is not None:
            inner = prefix if name in _UNPREFIXED else f"{prefix}{name}_"
            yield from _struct_columns(nested, inner, definitions)
            continue
        yield Column(
            prefix + name,
            _type_name(schema),
            schema["unit"],
            schema["description"],
            schema["definition_version"],
        )


def _nested_struct(schema: dict[str, Any]) -> str | None:
    for option in (schema, *schema.get("anyOf", ())):
        if "$ref" in option:
            return str(option["$ref"]).rsplit("/", maxsplit=1)[-1]
    return None


def _type_name(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join([_type_name(option) for option in schema["anyOf"]])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema["type"] == "array":
        return "list of codes"
    return str(schema["type"])
