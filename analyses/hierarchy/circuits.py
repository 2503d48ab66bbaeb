"""Circuits whose function graph is known: the truth that hierarchies are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from netsculpt.training.tasks.families import input_separable_reused, levels, overlap, reused

__all__ = ["CIRCUITS"]


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _independent(n_functions: int) -> str:
    """Functions of two separate inputs each, an exclusive or and an "and" in turn."""
    return _lines(
        *(f"f{i} = a{i} {'^' if i % 2 == 0 else '&'} b{i}" for i in range(n_functions)),
    )


def _chain(n_functions: int) -> str:
    """Each function reads the one before it and an input; the last is the only output."""
    rest = (f"f{i} = f{i - 1} ^ a{i + 1}" for i in range(1, n_functions))
    return _lines("f0 = a0 & a1", *rest)


def _observed_chain(n_functions: int) -> str:
    """A chain in which every function is an output, too."""
    seen = (f"y{i} = f{i}" for i in range(n_functions - 1))
    return _lines(_chain(n_functions), *seen)


def _parity_tree(depth: int) -> str:
    """Exclusive or of 2^depth inputs, two at a time."""
    lines, below = [], [f"a{i}" for i in range(2**depth)]
    for level in range(depth):
        pairs = zip(below[::2], below[1::2], strict=True)
        names = [f"p{level}{i}" for i in range(len(below) // 2)]
        lines += [f"{n} = {x} ^ {y}" for n, (x, y) in zip(names, pairs, strict=True)]
        below = names
    return _lines(*lines)


def _adder(n_bits: int) -> str:
    """Sum of two numbers, bit by bit with a carry."""
    lines = ["s0 = a0 ^ b0", "c0 = a0 & b0"]
    for i in range(1, n_bits):
        lines += [
            f"x{i} = a{i} ^ b{i}",
            f"g{i} = a{i} & b{i}",
            f"s{i} = x{i} ^ c{i - 1}",
            f"c{i} = g{i} | (x{i} & c{i - 1})",
        ]
    return _lines(*lines)


def _multiplexer(n_selecting: int) -> str:
    """One of 2^n inputs, chosen by n others."""
    lines, n = [], 2**n_selecting
    for i in range(n):
        signs = ["" if i >> j & 1 else "~" for j in range(n_selecting)]
        lines.append(f"d{i} = {' & '.join(f'{sign}s{j}' for j, sign in enumerate(signs))}")
    lines += [f"m{i} = d{i} & x{i}" for i in range(n)]
    return _lines(*lines, f"out = {' | '.join(f'm{i}' for i in range(n))}")


def _shared_by(n_users: int) -> str:
    """A sub-function that several functions combine with an input of their own."""
    users = (f"f{i} = shared {'&|^'[i % 3]} x{i}" for i in range(n_users))
    return _lines("shared = (a ^ b) & (c | d)", *users)


def _two_shared() -> str:
    """Two sub-functions, each reused by two functions, one of them by both."""
    return _lines(
        "left = (a ^ b) & c",
        "right = (d | e) & f",
        "one = left ^ x",
        "two = left & right",
        "three = right ^ y",
    )


def _diamond() -> str:
    return _lines("f = (a ^ b) & c", "g = f & d", "h = f ^ e", "k = g | h", "y = g", "z = h")


CIRCUITS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "independent-2": lambda: _independent(2),
        "independent-3": lambda: _independent(3),
        "independent-5": lambda: _independent(5),
        "chain-2": lambda: _chain(2),
        "chain-3": lambda: _chain(3),
        "chain-4": lambda: _chain(4),
        "observed-chain-3": lambda: _observed_chain(3),
        "observed-chain-4": lambda: _observed_chain(4),
        "parity-tree-4": lambda: _parity_tree(2),
        "parity-tree-8": lambda: _parity_tree(3),
        "adder-2": lambda: _adder(2),
        "adder-3": lambda: _adder(3),
        "multiplexer-2": lambda: _multiplexer(1),
        "multiplexer-4": lambda: _multiplexer(2),
        "shared-by-2": lambda: _shared_by(2),
        "shared-by-3": lambda: _shared_by(3),
        "shared-by-4": lambda: _shared_by(4),
        "two-shared": _two_shared,
        "diamond": _diamond,
        "uneven-tree": lambda: _lines(
            "f = a & b", "g = c | d", "h = f ^ g", "k = h & e", "y = h", "z = f"
        ),
        "three-and-gate": lambda: _lines("u = a & b", "v = c | d", "x = u & v"),
        "majority-of-and": lambda: _lines(
            "u = a & b", "v = c & d", "w = e & f", "m = (u & v) | (u & w) | (v & w)", "y = u ^ v"
        ),
        "input-separable-reused": input_separable_reused,
        "reused-2": lambda: reused(2),
        "levels-2": lambda: levels(2),
        "overlap-1": lambda: overlap(1, 2),
        "overlap-2": lambda: overlap(2, 2),
        "overlap-3": lambda: overlap(3, 2),
    }
)
