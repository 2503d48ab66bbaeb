"""Libraries that only some functions need; an extra of the package installs each."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from netsculpt.core.errors import MissingLibraryError

__all__ = ["EXTRAS", "is_installed", "missing", "require"]

EXTRAS: Final = MappingProxyType(
    {
        "torch": "torch",
        "igraph": "leiden",
        "leidenalg": "leiden",
        "networkx": "networkx",
        "onnx": "onnx",
        "distributed": "dask",
        "ray": "ray",
        "tensorboard": "tensorboard",
    }
)
"""Which extra brings a library."""


def require(library: str, need: str) -> None:
    """Raise an error that says how a library is installed, unless it is; nothing is imported.

    Parameters
    ----------
    library
        The name by which it is imported, one of `EXTRAS`.
    need
        What needs it, the subject of the sentence.

    Raises
    ------
    MissingLibraryError
        If it is not installed.

    >>> require("torch", "training")
    """
    if not is_installed(library):
        raise missing(library, need)


def is_installed(library: str) -> bool:
    """Whether a library can be imported; nothing is.

    >>> is_installed("torch")
    True
    """
    if library in sys.modules:
        return sys.modules[library] is not None
    try:
        return find_spec(library) is not None
    except ImportError:  # a finder refuses it
        return False


def missing(library: str, need: str = "this command") -> MissingLibraryError:
    """The error of a library that is not installed.

    >>> str(missing("leidenalg", "detector 'leiden'"))
    "detector 'leiden' needs leidenalg, which is not installed: pip install 'netsculpt[leiden]'"
    """
    remedy = f"pip install 'netsculpt[{EXTRAS[library]}]'"
    text = f"{need} needs {library}, which is not installed: {remedy}"
    return MissingLibraryError(text, name=library)
