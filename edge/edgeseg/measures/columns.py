"""Declaration of a record's column: definition, unit and version."""

from msgspec import Meta


def column(definition: str, unit: str = "", version: int = 1) -> Meta:
    """Declare a column: definition, unit, and version of the definition."""
    return Meta(
        description=definition, extra_json_schema={"unit": unit, "definition_version": version}
    )
