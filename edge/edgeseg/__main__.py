"""Entry point of the command `edgeseg` and of `python -m edgeseg`."""

import atexit
import gc

from edgeseg.cli import main as run_command
from edgeseg.system.signals import end_on_second_signal
from edgeseg.system.standard_streams import prepare_streams


def main() -> None:
    """Run the command."""
    prepare_streams()
    end_on_second_signal()
    # The garbage collector's last pass over all modules takes 6 % of a run with one photograph.
    atexit.register(gc.freeze)
    run_command()


if __name__ == "__main__":
    main()
