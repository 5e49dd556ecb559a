"""Entry point of the command `edgeseg` and of `python -m edgeseg`."""

import atexit
import gc

from edgeseg.cli import main as run_command
from edgeseg.system.allocator import use_one_arena
from edgeseg.system.signals import end_on_second_signal
from edgeseg.system.standard_streams import prepare_streams


def main() -> None:
    """Run the command."""
    atexit.register(gc.freeze)  # otherwise Python examines the objects of all modules (60 ms)
    prepare_streams()
    use_one_arena()
    end_on_second_signal()
    run_command()


if __name__ == "__main__":
    main()
