"""Circuits whose function graph is known: the truth that hierarchies are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from netsculpt.training.tasks.families import input_separable_reused, overlap, reused

__all__ = ["CIRCUITS", "COARSE", "SCULPTED"]


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _independent(n_functions: int) -> str:
    """Functions of two separate inputs each, an exclusive or and an "and" in turn."""
    return _lines(*(f"f{i} = a{i} {'^&'[i % 2]} b{i}" for i in range(n_functions)))


def _chain(n_functions: int) -> str:
    """Each function reads the one before it and an input; the last is the only output."""
    rest = (f"f{i} = f{i - 1} ^ a{i + 1}" for i in range(1, n_functions))
    return _lines("f0 = a0 & a1", *rest)


def _observed_chain(n_functions: int) -> str:
    """A chain in which every function is an output, too."""
    return _lines(_chain(n_functions), *(f"y{i} = f{i}" for i in range(n_functions - 1)))


def _parity_tree(depth: int) -> str:
    """Exclusive or of 2^depth inputs, two at a time."""
    lines, below = [], [f"a{i}" for i in range(2**depth)]
    for level in range(depth):
        pairs = zip(below[::2], below[1::2], strict=True)
        names = [f"p{level}{i}" for i in range(len(below) // 2)]
        lines += [f"{name} = {x} ^ {y}" for name, (x, y) in zip(names, pairs, strict=True)]
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
    return _lines("shared = (a ^ b) & (a | c)", *users)


def _used(n_uses: int, text: str, *outputs: str) -> str:
    """The circuit with `n_uses` outputs of each of these functions."""
    return _lines(text, *(f"{name}_{use} = {name}" for use in range(n_uses) for name in outputs))


_UNEVEN = _lines("f = a & b", "g = c | d", "h = f ^ g", "k = h & e", "y = h", "z = f")
_GATES = _lines("u = a & b", "v = c | d", "x = u & v")
_MAJORITY = _lines(
    "u = a & b", "v = c & d", "w = e & f", "m = (u & v) | (u & w) | (v & w)", "y = u ^ v"
)
_TWO_SHARED = _lines(
    "left = (a ^ b) & (a | c)",
    "right = (d | e) & (e ^ f)",
    "one = left ^ x",
    "two = left & right",
    "three = right ^ y",
)
_DIAMOND = _lines("f = (a ^ b) & (a | c)", "g = f & d", "h = f ^ e", "k = g | h", "y = g", "z = h")

CIRCUITS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {  # compiled
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
        "two-shared": lambda: _TWO_SHARED,
        "diamond": lambda: _DIAMOND,
        "uneven-tree": lambda: _UNEVEN,
        "three-gates": lambda: _GATES,
        "majority": lambda: _MAJORITY,
        "input-separable-reused": input_separable_reused,
        "reused-2": lambda: reused(2),
        "overlap-1": lambda: overlap(1, 2),
        "overlap-2": lambda: overlap(2, 2),
        "overlap-3": lambda: overlap(3, 2),
    }
)

COARSE: Mapping[str, Callable[[], str]] = MappingProxyType(
    {  # compiled; lines that are themselves made of sub-functions, such as (a ^ b) in (a ^ b) & c
        "three-apart": lambda: _lines("f = (a & b) ^ c", "g = (d ^ e) | i", "h = (k | l) & m"),
        "chain-of-shared-inputs": lambda: _lines(
            "f = (a ^ b) & c", "g = (c | d) ^ e", "h = (e & k) ^ l"
        ),
        "input-shared-by-three": lambda: _lines(
            "f = (a ^ b) & s", "g = (c & d) ^ s", "h = (e | k) & s"
        ),
        "reused-by-three": lambda: _lines(
            "shared = (a ^ b) & (c | d)", "f = shared | e", "g = shared & k", "h = shared ^ l"
        ),
        "two-levels": lambda: _lines(
            "left = (a ^ b) & c", "right = (d | e) ^ k", "f = left & right", "y = left", "z = right"
        ),
    }
)

SCULPTED: Mapping[str, Callable[[], str]] = MappingProxyType(
    {  # tasks that nets of two or three hidden layers learn and are sculpted for
        "independent-3": lambda: _independent(3),
        "three-gates": lambda: _GATES,
        "parity-tree-4": lambda: _parity_tree(2),
        "input-separable-reused": input_separable_reused,
        "reused-2": lambda: reused(2),
        "reused-4": lambda: reused(4),
        "overlap-1": lambda: overlap(1, 2),
        "overlap-2": lambda: overlap(2, 2),
        "overlap-3": lambda: overlap(3, 2),
        "majority": lambda: _MAJORITY,
        "uneven-tree": lambda: _UNEVEN,
        "observed-chain-3": lambda: _observed_chain(3),
        "three-users": lambda: _used(
            2,
            _lines(
                "shared = (a | b) & (c | d) & (a | d)",
                "f = shared & x",
                "g = shared & y",
                "h = shared & z",
            ),
            *"fgh",
        ),
        "two-of-three": lambda: _used(
            2,
            _lines("u = a & b", "v = c | d", "w = e & f", "p = u ^ v", "q = v ^ w", "r = u ^ w"),
            *"pqr",
        ),
        "pairs-of-pairs": lambda: _used(
            2,
            _lines("u = a & b", "v = c & d", "w = e & f", "x = g & h", "p = u ^ v", "q = w ^ x"),
            *"pq",
        ),
    }
)
