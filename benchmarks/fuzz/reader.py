"""Reader under test, and the possible outcomes of a mutated input."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from edgeseg.errors import EdgesegError

Outcome: TypeAlias = Literal["same", "error", "different", "visible", "finding"]
"""`same`: the value of the valid file. `error`: an error of edgeseg with a message. `different`:
another value without a message. `visible`: a difference that a person would notice. `finding`:
anything else."""


class NotReadError(EdgesegError):
    """A reader returned its documented value for an unusable file. An example is None."""


def compare_values(value: object, expected: object) -> Outcome:
    """Compare two values for equality."""
    return "same" if value == expected or repr(value) == repr(expected) else "different"


class Reader(NamedTuple):
    """Reader with one valid input.

    Attributes:
        name: name in the table.
        data: valid content to mutate.
        read: function from the bytes of a file and an empty folder to a value.
        embed: function from the mutated content to the bytes of the file. This function may correct
            a checksum, so that the reader does not reject every mutation.
        text: whether the content is a text.
        compare: function from a value and the expected value to the outcome.
        others: contents of other valid files, for splices.
    """

    name: str
    data: bytes
    read: Callable[[bytes, Path], object]
    embed: Callable[[bytes], bytes] = bytes
    text: bool = False
    compare: Callable[[object, object], Outcome] = compare_values
    others: Sequence[bytes] = ()
