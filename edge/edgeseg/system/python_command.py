"""Commands that run a module in another Python process."""

import sys
from pathlib import Path

_CODE = (
    "import sys; sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]; "
    "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *arguments: str) -> list[str]:
    """Return a command that runs a module of edgeseg.

    `python -m` imports modules from the current folder, which may contain any file. This command
    imports edgeseg from the same folder as this process, and no modules from the current folder.
    The process still starts in the current folder, so that relative paths in environment variables
    remain valid.

    Args:
        module: name of the module.
        arguments: arguments of the module.
    """
    source_root = Path(__file__).parents[2]
    return [sys.executable, "-c", _CODE, str(source_root), module, *arguments]
