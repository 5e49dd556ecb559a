"""Entry point of the command `edgeseg` and of `python -m edgeseg`."""

import atexit
import gc

from edgeseg.cli import main as run_command


def main() -> None:
    """Run the command."""
    # The garbage collector's last pass over all modules takes 6 % of a run with one photograph.
    atexit.register(gc.freeze)
    run_command()


if __name__ == "__main__":
    main()
