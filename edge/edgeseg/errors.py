"""One family of errors. The command prints each in one line and exits with its code; a traceback is a bug."""

from __future__ import annotations

from typing import Literal, TypeAlias

PhotoErrorCode: TypeAlias = Literal[
    "no_fundus",
    "undecodable",
    "too_large",
    "unreadable",
    "name_collision",
    "not_overwritten",
    "unreadable_source",
]
"""Why a photograph failed; the result record lists what each code means."""


class EdgesegError(Exception):
    """Something the user can mend: says what was wrong, with which file, and what to do."""

    exit_code = 1


def one_line(error: BaseException, longest: int = 300) -> str:
    """What another library's exception says, on one line and not too long: for a message of ours."""
    return " ".join(str(error).split())[:longest]


class UsageError(EdgesegError):
    """The command was called with arguments that do not fit together."""

    exit_code = 2


class PhotoError(EdgesegError):
    """A photograph cannot be read or shows no retina.

    Args:
        message: what is wrong, with which file, and what to do.
        code: the same as a word for programs.
    """

    exit_code = 3

    def __init__(self, message: str, code: PhotoErrorCode = "undecodable") -> None:
        super().__init__(message)
        self.code = code


class CheckError(EdgesegError):
    """A check or the gate failed."""

    exit_code = 4


class IncomparableError(EdgesegError):
    """Two benches measured different things."""

    exit_code = 5


class ModelError(EdgesegError):
    """A model file or a checkpoint was refused."""

    exit_code = 6


class SystemSetupError(EdgesegError):
    """Data set in a wrong layout, disk full, extra missing, runtime or provider not available."""

    exit_code = 7
