"""Detection of subinterpreters, which NumPy and the runtimes do not support."""

import importlib


def in_subinterpreter() -> bool:
    """Return whether this code runs in a subinterpreter."""
    # `_interpreters` since Python 3.13, `_xxsubinterpreters` in earlier versions
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return bool(module.get_current() != module.get_main())
    return False
