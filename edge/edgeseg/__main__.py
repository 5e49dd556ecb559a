"""Entry point of the command `edgeseg` and of `python -m edgeseg`."""

import atexit
import gc
import os

from edgeseg.cli import main as run_command
from edgeseg.system.allocator import use_one_arena
from edgeseg.system.signals import end_on_second_signal
from edgeseg.system.standard_streams import prepare_streams


def main() -> None:
    """Run the command."""
    atexit.register(gc.freeze)  # otherwise Python examines the objects of all modules (60 ms)
    prepare_streams()
    # edgeseg does not use BLAS. The creation of BLAS threads takes time, and if it fails because of
    # an address-space limit, OpenBLAS sends SIGINT to the process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    use_one_arena()
    end_on_second_signal()
    run_command()


if __name__ == "__main__":
    main()
