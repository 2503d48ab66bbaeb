"""Text to circuit, by a stack of waiting operators: any length and depth can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from types import MappingProxyType

from netsculpt.core.errors import FormatError
from netsculpt.graph.circuits.circuit import Circuit, Gate, Gates, Operand

__all__ = ["parse_circuit"]

TOKEN = re.compile(
    r"(?P<name>[^\W\d]\w*)|(?P<skip>#[^\n]*|\\\r?\n|[^\S\n]+)|(?P<end>[\n;])|(?P<mark>.)"
)
BINDS = {"|": 1, "^": 2, "&": 3, "~": 4}
NEEDED = "each line is 'name = expression'"
ALLOWED = "names, & | ^ ~ and brackets are allowed"


@dataclass(frozen=True)
class Token:
    """A name, an operator or a bracket."""

    text: str
    line: int

    @property
    def is_name(self) -> bool:
        return self.text.isidentifier()


@dataclass
class Chain:
    """Operands joined by one operator: a wide gate that may still grow."""

    kind: str  # "and", "or"
    operands: dict[Operand, None]
    negated: bool = False


@dataclass
class Reader:
    """Turns one line's tokens into gates."""

    gates: Gates
    values: list[Operand | Chain] = field(default_factory=list)
    waiting: list[Token] = field(default_factory=list)  # operators and open brackets

    def expression(self, tokens: list[Token], start: Token) -> Operand:
        """The value of an expression, whose gates are added."""
        after_value = False
        last = start
        for token in tokens:
            last, found = token, f"{token.text!r} found"
            if token.is_name or token.text in "(~":
                if after_value:
                    raise _error(token, f"{found} where an operator is needed; {NEEDED}")
                if token.is_name:
                    self.values.append((token.text, False))
                    after_value = True
                else:
                    self.waiting.append(token)
                continue
            if not after_value:
                raise _error(token, f"{found} where a name is needed; {NEEDED}")
            if token.text == ")":
                self._close(token)
            else:
                self._apply_all(BINDS[token.text])
                self.waiting.append(token)
                after_value = False
        if not after_value:
            raise _error(last, f"a name is needed after {last.text!r}; {NEEDED}")
        self._apply_all(0)
        return self._closed(self.values.pop())

    def _close(self, bracket: Token) -> None:
        self._apply_all(0)
        if not self.waiting:
            raise _error(bracket, "')' found without a '(' before it")
        self.waiting.pop()

    def _apply_all(self, binding: int) -> None:
        """Apply waiting operators that bind at least as strongly, down to an open bracket."""
        while self.waiting and BINDS.get(self.waiting[-1].text, -1) >= max(binding, 1):
            self._apply(self.waiting.pop().text)

    def _apply(self, operator: str) -> None:
        right = self.values.pop()
        if operator == "~":
            self.values.append(_not(right))
        elif operator == "^":
            self.values.append(self._either(self._closed(self.values.pop()), self._closed(right)))
        else:
            kind = "and" if operator == "&" else "or"
            chain = self._chain(kind, self.values.pop())
            chain.operands.update(self._chain(kind, right).operands)
            self.values.append(chain)

    def _either(self, x: Operand, y: Operand) -> Chain:
        one, other = Gate("and", (x, _negated(y))), Gate("and", (_negated(x), y))
        return Chain("or", {(self.gates.index(gate), False): None for gate in (one, other)})

    def _chain(self, kind: str, value: Operand | Chain) -> Chain:
        """A chain to join others to: the value itself if it is one of the same operator."""
        if isinstance(value, Chain) and value.kind == kind and not value.negated:
            return value
        return Chain(kind, {self._closed(value): None})

    def _closed(self, value: Operand | Chain) -> Operand:
        if isinstance(value, Chain):
            return self.gates.index(Gate(value.kind, tuple(value.operands))), value.negated
        return value


def parse_circuit(text: str) -> Circuit:
    r"""Read a circuit.

    Parameters
    ----------
    text
        One function per line, ``name = expression`` of names and ``& | ^ ~``, which bind as in
        Python. An expression in brackets may go on over several lines; ``#`` begins a comment.

    Raises
    ------
    FormatError
        If a line is something else, or a function is defined twice or uses one that is defined
        below it.

    Notes
    -----
    O(length of the text); the same sub-expression is one gate.

    Examples
    --------
    >>> circuit = parse_circuit("f = a & ~b\ng = f ^ c")
    >>> circuit.inputs, circuit.outputs
    (('a', 'b', 'c'), ('g',))
    """
    gates = Gates()
    served: list[str] = []
    functions: dict[str, Operand] = {}
    uses: dict[str, frozenset[str]] = {}
    inputs: dict[str, None] = {}
    for name, body in _lines(text):
        if name.text in functions or name.text in inputs:
            needed = "define each function once, above its uses"
            raise _error(name, f"{name.text!r} is already in use; {needed}")
        names = frozenset(token.text for token in body if token.is_name)
        if name.text in names:
            needed = "a function uses inputs and functions above it"
            raise _error(name, f"{name.text!r} is defined by itself; {needed}")
        inputs.update(dict.fromkeys(sorted(names.difference(functions))))
        functions[name.text] = Reader(gates).expression(body, name)
        uses[name.text] = names
        served += [name.text] * (len(gates.order) - len(served))
    if not functions:
        raise FormatError("circuit without a function: at least one line 'name = expression'")
    return Circuit(
        tuple(inputs),
        tuple(gates.order),
        tuple(served),
        MappingProxyType(functions),
        MappingProxyType(uses),
    )


def _lines(text: str) -> Iterator[tuple[Token, list[Token]]]:
    """Name and expression of each line that has any."""
    for line in _split(text):
        if len(line) < 2 or not line[0].is_name or line[1].text != "=":
            raise _error(line[0], "'name = expression' needed")
        wrong = next((x for x in line[2:] if not x.is_name and x.text not in "&|^~()"), None)
        if wrong:
            raise _error(wrong, f"{wrong.text!r} found: {ALLOWED}")
        if len(line) == 2:
            raise _error(line[1], f"nothing found after '='; {NEEDED}")
        yield line[0], line[2:]


def _split(text: str) -> Iterator[list[Token]]:
    """Tokens line by line; within brackets a line goes on."""
    line: list[Token] = []
    opened: list[Token] = []
    number = 1
    for match in TOKEN.finditer(text):
        token = Token(match.group(), number)
        number += token.text.count("\n")
        if match.lastgroup == "end" and not opened:
            if line:
                yield line
            line = []
        elif match.lastgroup in ("name", "mark"):
            if iskeyword(token.text):
                raise _error(token, f"{token.text!r} found: {ALLOWED}")
            if token.text == "(":
                opened.append(token)
            elif token.text == ")" and opened:
                opened.pop()
            line.append(token)
    if opened:
        raise _error(opened[-1], "'(' was never closed")
    if line:
        yield line


def _not(value: Operand | Chain) -> Operand | Chain:
    if isinstance(value, Chain):
        return replace(value, negated=not value.negated)
    return _negated(value)


def _negated(operand: Operand) -> Operand:
    return operand[0], not operand[1]


def _error(token: Token, problem: str) -> FormatError:
    return FormatError(f"circuit, line {token.line}: {problem}")
