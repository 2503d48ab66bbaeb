"""The Boolean tasks of Neural Sculpting as circuits (Patil et al. 2023, arXiv 2305.18402).

Each is a text for `netsculpt.parse_circuit` with the published truth table. Where a function is
*used N times*, N outputs have its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from netsculpt.core.errors import FormatError

__all__ = [
    "FAMILIES",
    "input_separable",
    "input_separable_reused",
    "levels",
    "non_modular",
    "overlap",
    "reused",
]

_LETTERS = "abcdefgh"
_ARITY = 4
_MOST_USES = 64


def input_separable() -> str:
    """Two functions of separate inputs; each is an output and, negated, another one.

    >>> print(input_separable())
    left = a ^ b
    right = c ^ d
    y1 = left
    y2 = ~left
    y3 = right
    y4 = ~right
    """
    return _lines(
        "left = a ^ b", "right = c ^ d", "y1 = left", "y2 = ~left", "y3 = right", "y4 = ~right"
    )


def input_separable_reused() -> str:
    """Three functions of separate inputs; each output uses two of them."""
    return _lines(
        "left = a & b",
        "middle = c & d",
        "right = e & f",
        "y1 = left | middle",
        "y2 = left | right",
        "y3 = middle | right",
    )


def non_modular() -> str:
    """One function of four inputs with four equal outputs."""
    return _lines(f"whole = {_first('abcd')}", *_outputs(4, "whole"))


def reused(n_uses: int = 8) -> str:
    """One function of four inputs that two others use, with `n_uses` outputs each in turn.

    >>> print(reused(1))
    shared = (a ^ d) & (b ^ c)
    one = shared & a
    two = shared & c
    y1 = one
    y2 = two
    """
    return _lines(
        "shared = (a ^ d) & (b ^ c)",
        "one = shared & a",
        "two = shared & c",
        *_outputs(n_uses, "one", "two"),
    )


def overlap(n_shared: int, n_uses: int) -> str:
    """Two functions of four inputs that share `n_shared`, with `n_uses` outputs each in turn.

    >>> print(overlap(2, 1))
    one = (a ^ d) & (b ^ c) & (a | c)
    two = (c | d) & ~(e ^ (c & d)) & f
    y1 = one
    y2 = two
    """
    if not 0 <= n_shared <= _ARITY:
        raise FormatError(f"{n_shared} shared inputs: two functions of 4 inputs can share 0 … 4")
    letters = _LETTERS[: 2 * _ARITY - n_shared]
    return _lines(
        f"one = {_first(letters[:_ARITY])}",
        f"two = {_second(letters[-_ARITY:])}",
        *_outputs(n_uses, "one", "two"),
    )


def levels(n_uses: int) -> str:
    """Hierarchy: two functions, one of both, then two with `n_uses` outputs each in turn.

    >>> print(levels(1))
    left = (a ^ d) & (b ^ c) & (a | c)
    right = (e | f) & ~(g ^ (e & f)) & h
    differ = left ^ right
    only_left = differ & left
    only_right = differ & right
    y1 = only_left
    y2 = only_right
    """
    return _lines(
        f"left = {_first('abcd')}",
        f"right = {_second('efgh')}",
        "differ = left ^ right",
        "only_left = differ & left",
        "only_right = differ & right",
        *_outputs(n_uses, "only_left", "only_right"),
    )


FAMILIES: Mapping[str, Callable[..., str]] = MappingProxyType(
    {  # capital letters are placeholders of the function's arguments
        "input-separable": input_separable,
        "reused": reused,
        "reused-use-N": reused,
        "input-separable-reused": input_separable_reused,
        "non-modular": non_modular,
        "overlap-K-use-N": overlap,
        "levels-N": levels,
    }
)


def _first(letters: str) -> str:
    """True for 0011, 1010 and 1100."""
    a, b, c, d = tuple(letters)
    return f"({a} ^ {d}) & ({b} ^ {c}) & ({a} | {c})"


def _second(letters: str) -> str:
    """True for 0101, 1001 and 1111."""
    a, b, c, d = tuple(letters)
    return f"({a} | {b}) & ~({c} ^ ({a} & {b})) & {d}"


def _outputs(n_uses: int, *functions: str) -> list[str]:
    if not 1 <= n_uses <= _MOST_USES:
        raise FormatError(f"{n_uses} uses of each function: choose 1 … {_MOST_USES}")
    return [f"y{number} = {name}" for number, name in enumerate(functions * n_uses, start=1)]


def _lines(*lines: str) -> str:
    return "\n".join(lines)
