"""Errors with exit codes. The command prints these errors in one line, without a traceback."""

import re
from typing import Literal, TypeAlias

from edgeseg._version import __version__

PhotoErrorCode: TypeAlias = Literal[
    "no_fundus",
    "undecodable",
    "unsupported_format",
    "too_large",
    "unreadable",
    "not_overwritten",
    "unreadable_source",
    "missing_extra",
    "not_dicom",
]
"""Codes for failed photographs. `CODES` in `edgeseg.run.results.record` contains their meaning."""


MAX_TEXT = 2000
"""Maximum length of a message in characters."""

_END_LENGTH = 300  # number of characters kept at the end; messages end with the remedy

# Text that CI services interpret as commands in a log: `::` at the start of a line, and `##[`,
# `##vso[` and `##teamcity[` anywhere.
_CI_COMMAND = re.compile(r"^(?P<indent> *):(?=:)|#(?=#(\[|vso\[|teamcity\[))")


def escape_text(text: str, longest: int = MAX_TEXT) -> str:
    r"""Return text from a file as one line for a terminal or a log.

    Invisible characters, such as control characters, line ends and bidirectional controls, are
    escaped (`\x1b`, `\n`, `\u202e`). Commands of CI services (`::error::`) are also escaped. The
    middle of a long text is omitted. JSON output is not escaped.

    Args:
        text: file name, metadata, or a message that contains them.
        longest: maximum number of characters to keep.
    """
    if len(text) > longest:
        end = min(_END_LENGTH, longest // 3)
        text = f"{text[: longest - end - 3]}...{text[len(text) - end :]}"
    if not text.isprintable():
        letters = []
        for letter in text:
            letters.append(letter if letter.isprintable() else ascii(letter)[1:-1])
        text = "".join(letters)
    return _CI_COMMAND.sub(_escape_first, text)


def _escape_first(match: re.Match[str]) -> str:
    indent = match["indent"]
    return r"\x23" if indent is None else rf"{indent}\x3a"


class EdgesegError(Exception):
    """Error that the user can fix. The message contains the file, the problem and the remedy."""

    exit_code = 1


def one_line(error: BaseException, longest: int = 300) -> str:
    """Return an exception's text as one escaped line. The middle of a long text is omitted."""
    return escape_text(" ".join(str(error).split()), longest)


class UsageError(EdgesegError):
    """Invalid combination of arguments."""

    exit_code = 2


class PhotoError(EdgesegError):
    """A photograph cannot be read or shows no retina.

    Args:
        message: file, problem and remedy.
        code: machine-readable code of the problem.
    """

    exit_code = 3

    def __init__(self, message: str, code: PhotoErrorCode = "undecodable") -> None:
        super().__init__(message)
        self.code = code


class CheckError(EdgesegError):
    """A check or the gate failed."""

    exit_code = 4


class IncomparableError(EdgesegError):
    """Two benchmark reports cannot be compared."""

    exit_code = 5


class ModelError(EdgesegError):
    """A model file or a checkpoint was rejected."""

    exit_code = 6


class SystemSetupError(EdgesegError):
    """The system or a folder is unsuitable, for example a full disk or a missing extra."""

    exit_code = 7


def missing_extra(subject: str, extra: str, package: str) -> SystemSetupError:
    """Return the error of a missing optional dependency. The message contains the install command.

    Args:
        subject: command or option that requires the extra.
        extra: name of the extra.
        package: import name of the package that is not installed.
    """
    wheel = f"edgeseg-{__version__}-py3-none-any.whl"
    return SystemSetupError(
        f"{subject} requires the extra '{extra}' ({package} is not installed). "
        f"Install it in the clone with pip install '.[{extra}]', "
        f"or from the wheel with pip install '{wheel}[{extra}]'."
    )


CUT_OFF = "the file is truncated. Copy the file again from its source."
DAMAGED = "the file is damaged. Copy the file again from its source."
SAVE_AS = "Save the image as PNG with 8 bits per channel."


class InvalidImageError(PhotoError):
    """An image file cannot be decoded correctly. The message does not contain the file name."""


def unsupported_format(name: str) -> InvalidImageError:
    """Return the error for an unsupported image format.

    Args:
        name: name of the format, such as `HEIC`.
    """
    return InvalidImageError(
        f"{name} is not supported; convert the file to PNG.", "unsupported_format"
    )


def missing_dicom() -> InvalidImageError:
    """Return the error for a DICOM file if the extra `dicom` is not installed."""
    return InvalidImageError(
        str(missing_extra("a DICOM file", "dicom", "pydicom")), "missing_extra"
    )
