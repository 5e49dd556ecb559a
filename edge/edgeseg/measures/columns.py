"""Declaration of a column: definition, unit and version of a record's field."""

from msgspec import Meta


def column(definition: str, unit: str = "", version: int = 1) -> Meta:
    """Declare a column: definition, unit, and version of the definition."""
    return Meta(
        description=definition, extra_json_schema={"unit": unit, "definition_version": version}
    )
