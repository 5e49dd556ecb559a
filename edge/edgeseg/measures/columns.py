"""Declaration of a record's columns."""

from msgspec import Meta


def column(definition: str, unit: str = "", version: int = 1) -> Meta:
    """Declare a column of a record by its definition, its unit and the definition's version."""
    return Meta(
        description=definition, extra_json_schema={"unit": unit, "definition_version": version}
    )
