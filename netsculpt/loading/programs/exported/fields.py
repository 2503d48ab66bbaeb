"""Values of a JSON document, checked as they are taken. Whatever does not fit is a `ValueError`."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from netsculpt.core.errors import TopologyError

__all__ = ["decoded", "field", "name_in", "only", "size_in"]

T = TypeVar("T")
_LONGEST_NAME = 1000


def decoded(content: bytes) -> dict[str, Any]:
    """A JSON object; Python's own limits hold for its depth and its digits."""
    found = json.loads(content)
    if not isinstance(found, dict):
        raise ValueError("JSON that is no object")
    return found


def field(given: Any, name: str, kind: type[T]) -> T:
    """A field of an object, of exactly the type that it has to have."""
    if not isinstance(given, dict) or name not in given:
        raise ValueError(f"{name} is missing")
    value = given[name]
    if type(value) is not kind:
        raise ValueError(f"{name} is {type(value).__name__}, no {kind.__name__}")
    return value


def only(given: Any) -> tuple[str, Any]:
    """Which of several alternatives an object holds, and its value.

    >>> only({"as_int": 3})
    ('as_int', 3)
    """
    if not isinstance(given, dict):
        raise ValueError(f"{type(given).__name__} instead of a tagged value")
    said = [(name, value) for name, value in given.items() if value is not None]
    if len(said) != 1:
        raise ValueError(f"{len(said)} alternatives where one is needed")
    return said[0]


def name_in(given: Any, name: str) -> str:
    """A field that is a name: one line, not endless."""
    found = field(given, name, str)
    if not found.isprintable() or len(found) > _LONGEST_NAME:
        raise ValueError(f"{name} is no printable name")
    return found


def size_in(given: Any, *, open_to: str = "a size") -> int:
    """A natural number; for an open one the example's that the net was exported with."""
    kind, value = only(given)
    if kind == "as_expr":
        hint = value.get("hint") if isinstance(value, dict) else None
        if hint is None:
            raise TopologyError(
                f"{open_to} depends on the values of the inputs: a net of fixed sizes is needed. "
                "Export it without such parts, or with fixed sizes"
            )
        kind, value = only(hint)
    if kind != "as_int" or type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"a size of {value!r:.40}")
    return value
