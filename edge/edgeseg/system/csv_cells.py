"""Protection of CSV cells against execution as formulas."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def protect_cell(value: object) -> object:
    """Return a CSV cell that a spreadsheet does not execute as a formula.

    Text that begins like a formula gets a leading apostrophe. Numbers are not changed.
    """
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
