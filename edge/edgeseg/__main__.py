"""The command `edgeseg`, and `python -m edgeseg`."""

from edgeseg.process import loading


def main() -> None:
    """Load the command, and run it."""
    with loading():
        from edgeseg.cli import main as command  # noqa: PLC0415
    command()


if __name__ == "__main__":
    main()
