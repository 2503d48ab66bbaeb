"""Values of a JSON document, checked as they are read; invalid ones raise `ValueError`."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from netsculpt.core.errors import TopologyError

__all__ = ["decoded", "field", "name_in", "only", "size_in"]

T = TypeVar("T")
_LONGEST_NAME = 1000


def decoded(content: bytes) -> dict[str, Any]:
    """A JSON object; Python limits its depth and its digits."""
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("JSON that is not an object")
    return document


def field(document: Any, name: str, kind: type[T]) -> T:
    """A field of an object, which must be of exactly this type."""
    if not isinstance(document, dict) or name not in document:
        raise ValueError(f"{name} is missing")
    value = document[name]
    if type(value) is not kind:
        raise ValueError(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return value


def only(tagged: Any) -> tuple[str, Any]:
    """The only tag of an object, and its value.

    >>> only({"as_int": 3})
    ('as_int', 3)
    """
    if not isinstance(tagged, dict):
        raise ValueError(f"{type(tagged).__name__} instead of a tagged value")
    tags = [(name, value) for name, value in tagged.items() if value is not None]
    if len(tags) != 1:
        raise ValueError(f"{len(tags)} alternatives where one is needed")
    return tags[0]


def name_in(document: Any, name: str) -> str:
    """A field that is a name: one line of limited length."""
    value = field(document, name, str)
    if not value.isprintable() or len(value) > _LONGEST_NAME:
        raise ValueError(f"{name} is not a printable name")
    return value


def size_in(tagged: Any, *, open_to: str = "a size") -> int:
    """A size; if the program leaves it open, that of the example it was exported with."""
    kind, value = only(tagged)
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
