"""Small text files of the kernel (/proc and /sys)."""

from pathlib import Path


def read_line(file: Path) -> str:
    """Return the printable characters of a small file; "" if it cannot be read."""
    try:
        text = file.read_bytes()[:4096].decode(errors="replace")
    except OSError:
        return ""
    return "".join(filter(str.isprintable, text)).strip()


def read_celsius(file: Path) -> float | None:
    """Return a temperature, which the kernel writes in thousandths of a degree."""
    try:
        return int(read_line(file)) / 1000
    except ValueError:
        return None
