"""Content negotiation: the `Accept` header."""

from collections.abc import Sequence


def preferred_type(accept: str, offered: Sequence[str]) -> str | None:
    """Return the offered media type that a client prefers, or None if it accepts none of them.

    Args:
        accept: value of the `Accept` header; an empty value accepts all types.
        offered: media types, the default first.
    """
    best, best_quality = None, 0.0
    for media_type in offered:
        quality = _quality(accept or "*/*", media_type)
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _quality(accept: str, media_type: str) -> float:
    """Return the weight of a media type. The most specific matching range determines the weight."""
    group = media_type.split("/", maxsplit=1)[0]
    ranges = {"*/*": 0, f"{group}/*": 1, media_type: 2}
    specificity, quality = -1, 0.0
    for entry in accept.split(","):
        name, *parameters = [part.strip().lower() for part in entry.split(";")]
        if ranges.get(name, -1) > specificity:
            specificity, quality = ranges[name], _weight(parameters)
    return quality


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
