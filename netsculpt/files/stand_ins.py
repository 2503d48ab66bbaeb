"""What torch calls in the place of foreign names in a file: inert objects, and arrays of numbers.

Trainers save their settings, NumPy numbers and paths next to the weights. None of their classes is
imported: torch is given a stand-in under each name, which keeps nothing of settings and makes
arrays from their bytes. `netsculpt.files.pickles` has checked before that nothing else is called.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Any, Final

from netsculpt.files.arrays import from_bytes

__all__ = ["STAND_INS", "plain", "safe_names"]


class _Inert:
    """An object that is not there."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _DType:
    """A NumPy dtype: its code, and the byte order from its state."""

    def __init__(self, code: str = "", *_: Any) -> None:
        self.text = f"={code}"

    def __setstate__(self, state: Any) -> None:
        order, code = state[1], self.text[1:]
        self.text = ("=" if order == "|" else order) + code


class _Number:
    """A NumPy number, which no weight is."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """A NumPy array, of which the state holds everything."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        self.state = tuple(state)

    def array(self) -> Any:
        """The array; an inert object if it does not hold plain numbers."""
        if len(self.state) != 5:
            return None
        _, shape, dtype, fortran, data = self.state
        text = getattr(dtype, "text", "")
        return from_bytes(data, text, shape, "F" if fortran else "C")


def _no_items(*_: Any) -> dict[Any, Any]:
    """A dict in the place of a defaultdict, whose factory is not called."""
    return {}


def _in_numpy(name: str, stand_in: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    return {f"numpy.core.{name}": stand_in, f"numpy._core.{name}": stand_in}


_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")

STAND_INS: Final = MappingProxyType(
    {
        "types.SimpleNamespace": _Inert,
        "collections.defaultdict": _no_items,
        "numpy.dtype": _DType,
        **_in_numpy("multiarray.scalar", _Number),
        **_in_numpy("multiarray._reconstruct", _Array),
        **{f"pathlib.{name}": _Inert for name in _PATHS},
        **{f"pathlib._local.{name}": _Inert for name in _PATHS},
    }
)


def safe_names(names: Collection[str]) -> list[tuple[Any, str]]:
    """What torch may call under which name: the stand-ins, and an inert class for each of `names`.

    >>> [name for _, name in safe_names({"argparse.Namespace"})][-1]
    'argparse.Namespace'
    """
    known: list[tuple[Any, str]] = [(x, name) for name, x in STAND_INS.items()]
    known.append((type("ndarray", (_Inert,), {}), "numpy.ndarray"))
    return known + [(type("Inert", (_Inert,), {}), name) for name in sorted(names)]


def plain(value: Any) -> Any:
    """Nested content with its arrays finished.

    Each part is visited once, however often it is contained and however deep.

    Raises
    ------
    ValueError
        If an array does not hold numbers, or not as many as it claims.
    """
    finished: dict[int, Any] = {}
    opened: set[int] = set()
    waiting = [value]
    while waiting:
        last = waiting[-1]
        if id(last) not in opened:
            opened.add(id(last))
            waiting += [x for x in _inner(last) if id(x) not in opened]
        else:
            waiting.pop()
            if id(last) not in finished:
                finished[id(last)] = _finished(last, finished)
    return finished[id(value)]


def _inner(value: Any) -> list[Any]:
    """What a container holds that may have to be finished."""
    held = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list | tuple):
        return []
    return [x for x in held if isinstance(x, dict | list | tuple | _Array)]


def _finished(value: Any, finished: dict[int, Any]) -> Any:
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, dict):
        for key, x in value.items():
            value[key] = finished.get(id(x), x)
    elif type(value) is list:
        value[:] = [finished.get(id(x), x) for x in value]
    elif type(value) is tuple:
        return tuple(finished.get(id(x), x) for x in value)
    return value
