"""Circuits of the compiled suite: chosen ones, then random ones; and other gates for the same."""

from __future__ import annotations

import ast

import numpy as np

from netsculpt.graph.circuits import parse_circuit, truth_table

__all__ = ["CHOSEN", "circuit_text", "resynthesised"]

_MOST_INPUTS = 10  # truth tables of 1024 rows at most
_OPERATORS = ("&", "|", "^")

CHOSEN = (
    "u = a & b; v = c | d; x = u & v",
    "left = (a ^ b) & c; right = d ^ (e | f)",
    "one = (a ^ b) & c; two = (c ^ d) & e; three = (e ^ f) & g",
    "one = (s ^ a) & b; two = (s ^ c) | d; three = (s ^ e) & ~f",
    "sub = (a ^ b) & c; one = sub ^ d; two = sub & e; three = sub | f",
    "p = a ^ b; one = p & c; two = p | d; q = e ^ f; three = q & g; four = q | h",
    "low = a ^ b; mid = (low & c) | d; high = (mid ^ e) & f; side = low | g",
    "u = a & ~b; v = c ^ d; w = e | f; x = u ^ v; y = v & w; z = x | y",
)


def circuit_text(index: int, rng: np.random.Generator) -> str:
    """The circuit of an index: one of `CHOSEN` first, random ones of 3 to 6 functions later."""
    if index < len(CHOSEN):
        return CHOSEN[index].replace("; ", "\n")
    while True:
        text = _random(int(rng.integers(3, 7)), rng)
        circuit = parse_circuit(text)
        if len(circuit.inputs) <= _MOST_INPUTS and _all_vary(text):
            return text


def _random(n_functions: int, rng: np.random.Generator) -> str:
    """Functions of 2 or 3 arguments each: earlier functions, new inputs, at times a shared one."""
    lines: list[str] = []
    n_inputs = 0
    for number in range(n_functions):
        n_used = 0 if number < 2 else int(rng.integers(0, 3))
        used = [f"f{x}" for x in rng.permutation(number)[:n_used]]
        n_new = max(1 if used else 2, int(rng.integers(1, 4)) - len(used))
        arguments = [*used, *(f"x{n_inputs + i}" for i in range(n_new))]
        if n_inputs and rng.random() < 0.25:
            arguments.append(f"x{rng.integers(n_inputs)}")
        n_inputs += n_new
        body = arguments[0]
        for argument in arguments[1:]:
            literal = f"~{argument}" if rng.random() < 0.3 else argument
            body = f"({body} {rng.choice(_OPERATORS)} {literal})"
        lines.append(f"f{number} = {body}")
    return "\n".join(lines)


def _all_vary(text: str) -> bool:
    """Whether no function is constant, and outputs depend on every input."""
    circuit = parse_circuit(text)
    for name in circuit.functions:
        needed = {name, *circuit.reads[name]}
        lines = [line for line in text.split("\n") if line.split(" =")[0] in needed]
        values = truth_table(parse_circuit("\n".join([*lines, f"last = {name}"])))[1]
        if values.all() or not values.any():
            return False
    inputs, outputs = truth_table(circuit)
    n = inputs.shape[1]
    table = outputs.reshape((2,) * n + (-1,))
    return all((np.diff(table.astype(np.int8), axis=axis) != 0).any() for axis in range(n))


def resynthesised(text: str, rng: np.random.Generator) -> str:
    """The same functions by other gates: half of them, drawn at random, are expressed anew.

    ``x ^ y`` becomes ``(x | y) & ~(x & y)``; ``x & y`` becomes ``~(~x | ~y)``, and ``x | y``
    likewise.

    >>> print(resynthesised("f = a ^ b", np.random.default_rng(1)))
    f = (a | b) & ~(a & b)
    """
    tree = _Resynthesis(rng).visit(ast.parse(text))
    return ast.unparse(ast.fix_missing_locations(tree))


class _Resynthesis(ast.NodeTransformer):
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """The operation, or another for the same function."""
        left, right = self.visit(node.left), self.visit(node.right)
        if self.rng.random() < 0.5:
            return ast.BinOp(left, node.op, right)
        if isinstance(node.op, ast.BitXor):
            either, both = ast.BinOp(left, ast.BitOr(), right), ast.BinOp(left, ast.BitAnd(), right)
            return ast.BinOp(either, ast.BitAnd(), _not(both))
        other = ast.BitOr() if isinstance(node.op, ast.BitAnd) else ast.BitAnd()
        return _not(ast.BinOp(_not(left), other, _not(right)))


def _not(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Invert(), node)
