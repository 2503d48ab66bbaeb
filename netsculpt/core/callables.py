"""What functions are called, to tell one run from another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["innermost", "name_of"]


def name_of(function: Callable[..., Any]) -> str:
    """Name of a function, with the arguments that a `functools.partial` binds.

    >>> name_of(partial(round, ndigits=2))
    'round(ndigits=2)'
    """
    if not isinstance(function, partial):
        return getattr(function, "__name__", type(function).__name__)
    keywords = (f"{name}={value!r}" for name, value in function.keywords.items())
    return f"{name_of(function.func)}({', '.join([*map(repr, function.args), *keywords])})"


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that partials wrap, however often.

    >>> innermost(partial(partial(round, ndigits=2), 1.234)) is round
    True
    """
    while isinstance(function, partial):
        function = function.func
    return function
