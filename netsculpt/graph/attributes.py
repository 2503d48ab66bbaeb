"""What units are: columns of a graph next to its layers, such as the function that each applies."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError

__all__ = ["ACTIVATION", "Attributes", "checked_attributes"]

Attributes = Mapping[str, NDArray[Any]]

ACTIVATION: Final = "activation"  # name of the column that holds the function of each unit

_TAKEN: Final = frozenset(
    {*("unit", "id", "name", "label", "layer", "role", "position"), *("live", "module", "viz")}
)  # what tables and exported files call something else
_LAST_CHARACTER: Final = 0x10FFFF
_LONGEST_NAME: Final = 100  # characters


def checked_attributes(attributes: Mapping[str, ArrayLike], n_units: int) -> Attributes:
    """The columns [U] as an immutable mapping of read-only arrays of strings, numbers, booleans.

    Names are identifiers, since they become columns of tables, XML attributes and file members.
    Integers and booleans keep their types, other real numbers become float64 unless float32.

    Raises
    ------
    GraphError
        If a name is not an identifier, is taken, or occurs twice; or if a column has another
        shape, or holds something else or half characters.

    Examples
    --------
    >>> checked_attributes({"activation": ["relu", "tanh"]}, 2)["activation"].tolist()
    ['relu', 'tanh']
    """
    checked: dict[str, NDArray[Any]] = {}
    for name, values in attributes.items():
        _check_name(name, checked)
        checked[name] = _checked(name, np.asarray(values), n_units)
    return MappingProxyType(checked)


def _check_name(name: object, before: Mapping[str, object]) -> None:
    good = isinstance(name, str) and name.isascii() and name.isidentifier()
    if not good or len(str(name)) > _LONGEST_NAME:
        raise GraphError(
            f"attribute {name!r:.120} found: the name of a column is needed, letters, digits and "
            f"_, at most {_LONGEST_NAME}"
        )
    if str(name).lower() in _TAKEN:
        raise GraphError(f"attribute {name!r} found: {', '.join(sorted(_TAKEN))} are taken")
    if str(name).lower() in {other.lower() for other in before}:
        raise GraphError(f"attribute {name!r} found twice but for case: rename one of them")


def _checked(name: str, values: NDArray[Any], n_units: int) -> NDArray[Any]:
    if values.shape != (n_units,):
        raise GraphError(
            f"attribute {name!r} has shape {list(values.shape)}: one value per unit is needed, "
            f"[{n_units}]"
        )
    kind = values.dtype.kind
    if kind == "O" and all(isinstance(value, str) for value in values):
        values = values.astype(np.str_)
    elif kind == "f" and values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    elif kind not in "Ubiuf":
        raise GraphError(
            f"attribute {name!r} holds {values.dtype}: strings, real numbers or booleans are needed"
        )
    if values.dtype.kind == "U":
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        _check_text(name, values)
    view = values.view()
    view.flags.writeable = False
    return view


def _check_text(name: str, values: NDArray[np.str_]) -> None:
    """Raise an error if strings hold half characters, or what is beyond Unicode."""
    codes = np.ascontiguousarray(values).reshape(-1).view(np.uint32)
    if ((codes > _LAST_CHARACTER) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise GraphError(f"attribute {name!r} holds strings that are not text: write it again")
