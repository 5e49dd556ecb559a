"""Import of third-party networks."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

from torch import nn

from edgeseg.errors import UsageError, one_line


def call_factory(spec: str) -> nn.Module:
    """Import a function without arguments and return the network that it creates.

    Modules can be imported from the working directory and from the folder of a file.

    Args:
        spec: `module:factory` or `file.py:factory`.

    Raises:
        UsageError: The function cannot be imported, fails, or does not return a torch.nn.Module.
    """
    module, _, name = spec.rpartition(":")
    factory = getattr(_import_module(module), name, None)
    if not callable(factory):
        raise UsageError(f"--arch {spec}: {module} has no function {name}. Check the name.")
    try:
        network = cast("Callable[[], object]", factory)()
    except Exception as error:  # the user's code may raise any exception
        raise UsageError(
            f"--arch {spec}: {name}() failed ({type(error).__name__}: {one_line(error)}). Correct "
            "this function."
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"--arch {spec}: {name}() returned a {type(network).__name__}. Give a function that "
            "returns a torch.nn.Module."
        )
    return network


def _import_module(module: str) -> object:
    is_file = module.endswith(".py")
    file = Path(module).resolve()
    for folder in (Path.cwd(), file.parent) if is_file else (Path.cwd(),):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        return _import_file(file) if is_file else importlib.import_module(module)
    except Exception as error:  # the user's code may raise any exception
        hint = ""
        if is_file and "relative import" in str(error) and file.is_relative_to(Path.cwd()):
            name = ".".join(file.relative_to(Path.cwd()).with_suffix("").parts)
            hint = f". Try --arch {name}:FUNCTION."
        raise UsageError(
            f"--arch: {module} cannot be imported ({type(error).__name__}: {one_line(error)}){hint}"
        ) from error


def _import_file(file: Path) -> object:
    """Import exactly this file, even if a loaded module has the same name (`code.py`, `onnx.py`).

    If the folder of the file contains an `__init__.py`, the file is imported as a module of this
    package.
    """
    if (file.parent / "__init__.py").is_file() and file.is_file():
        module = _import_from_package(file)
        if Path(getattr(module, "__file__", None) or "").resolve() == file:
            return module
    name = file.stem if file.stem not in sys.modules else f"edgeseg_arch_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module in sys.modules
    spec.loader.exec_module(module)
    return module


def _import_from_package(file: Path) -> ModuleType:
    """Import a file as a module of its package, with the parent folder temporarily on sys.path."""
    root = file.parent
    while (root.parent / "__init__.py").is_file():
        root = root.parent
    if str(root.parent) not in sys.path:
        sys.path.insert(0, str(root.parent))
    parts = file.relative_to(root.parent).with_suffix("").parts
    return importlib.import_module(".".join(parts).removesuffix(".__init__"))
