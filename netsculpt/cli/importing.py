"""Import of the module that ``--model`` names, and of an attribute in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from types import ModuleType

import typer

from netsculpt.core.errors import TopologyError

__all__ = ["attribute", "imported", "is_file"]


def is_file(where: str) -> bool:
    """Whether `where` names a file, not a module."""
    return where.endswith(".py")


def imported(where: str) -> ModuleType:
    """Import a module; the working folder is on the import path, as with ``python -m``."""
    if is_file(where) and not Path(where).is_file():
        raise typer.BadParameter(f"no file at {where!r}", param_hint="--model")
    folder = Path(where).resolve().parent if is_file(where) else Path.cwd()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return _of_file(where) if is_file(where) else importlib.import_module(where)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and not is_file(where) and f"{where}.".startswith(f"{missing}."):
            raise typer.BadParameter(
                f"no module {missing!r} in {folder} or installed; path/to/file.py:factory names a "
                "file",
                param_hint="--model",
            ) from None
        from netsculpt.core.errors import first_line

        raise TopologyError(
            f"importing {where} raised {first_line(error)}. A module that only defines the net is "
            "needed; netsculpt --debug shows the traceback"
        ) from error


def attribute(module: ModuleType, where: str, name: str) -> object:
    """The attribute of a module; its name may have dots."""
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        defined = [x for x in vars(module) if not x.startswith("_")]
        close = get_close_matches(name, defined) or defined[:12]
        hint = f"it has {', '.join(close)}" if close else "it defines nothing"
        raise typer.BadParameter(f"{where} has no {name!r}: {hint}", param_hint="--model") from None


def _of_file(where: str) -> ModuleType:
    name = f"netsculpt_model_{Path(where).stem}"  # shadows no other module
    spec = importlib.util.spec_from_file_location(name, where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
