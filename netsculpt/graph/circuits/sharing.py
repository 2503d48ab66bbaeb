"""Pairs of circuits that share sub-functions, and networks of which it is known what they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.circuits.circuit import Circuit
from netsculpt.graph.circuits.compiling import ThresholdCircuit, compile_circuit
from netsculpt.graph.circuits.parsing import parse_circuit
from netsculpt.graph.circuits.placing import Places, placed

__all__ = ["SharedAs", "SharedCircuits", "shared_circuits"]

SharedAs = Literal["copied", "rewritten", "duplicated", "unread"]
_LEAST: Final = 3  # functions, so that those that follow each other are different pairs


@dataclass(frozen=True, eq=False)
class SharedCircuits:
    """A source and a target, as text and as networks whose units have the same places.

    Both networks have the same inputs in the same order and the same widths; outputs are paired by
    their place. Units of no module are constant, without edges. The circuits are the tasks:
    ``netsculpt.training.boolean(pair.source_circuit)`` trains nets of your own on them.
    """

    inputs: tuple[str, ...]
    source_text: str
    target_text: str
    source_circuit: Circuit  # with all of the inputs in their order, used or not
    target_circuit: Circuit
    functions: tuple[str, ...]  # the n sub-functions of the source's task
    shared: tuple[str, ...]  # those of them that the target's network computes
    target_functions: tuple[str, ...]  # the n sub-functions of the target's task
    source: ThresholdCircuit
    target: ThresholdCircuit
    unrelated_circuit: Circuit | None  # a third task of n sub-functions, none of them of the other
    # two, nor with a pair of inputs of theirs in a bracket; None: there are too few inputs


def shared_circuits(
    n_functions: int,
    n_shared: int,
    *,
    shared_as: SharedAs = "copied",
    n_inputs: int = 8,
    rng: RNG = None,
) -> SharedCircuits:
    r"""Make a source and a target that share k of n sub-functions.

    A sub-function is :math:`(a \oplus b) \wedge (c \oplus d)` of four inputs, or with one or both
    of the brackets negated; no two use the same pair of inputs in a bracket, so that no gate is in
    two modules. An output is the exclusive or of two sub-functions: every change of a sub-function
    changes two outputs. The target's other n − k sub-functions are new, and it combines all in
    another order, unless it shares all of them.

    Parameters
    ----------
    n_functions
        n, at least 3.
    n_shared
        k, 0 … n.
    shared_as
        How the target's network computes what is shared:

        - "copied": by the source's gates, in the source's places, as are outputs that are the same
          in both texts;
        - "rewritten": by other gates for the same function, an exclusive or as not (both or
          neither), in other places;
        - "duplicated": copied, and a second time in other places; of the two outputs that read the
          function, each reads one of the two. The copy of ``f`` is called ``f_again``;
        - "unread": copied, but no output reads it: the target's task consists of n new functions.
    n_inputs
        Number of inputs, even. There are ⌊n_inputs / 4⌋ sub-functions for each of n_inputs − 1
        rounds: 14 with 8 inputs, of which 2n − k are needed (2n if they are unread).
    rng
        Seed or generator: which inputs the functions use, and how the target combines them.

    Raises
    ------
    FormatError
        If `shared_as` is unknown.
    LimitError
        If there are too few inputs for different functions.

    Examples
    --------
    >>> pair = shared_circuits(4, 2, rng=0)
    >>> pair.functions, pair.shared, pair.target_functions
    (('f1', 'f2', 'f3', 'f4'), ('f1', 'f2'), ('f1', 'g1', 'f2', 'g2'))
    >>> [weight.shape for weight in pair.source.weights] == [w.shape for w in pair.target.weights]
    True
    """
    n = checked_whole(n_functions, "n_functions", least=_LEAST)
    k = checked_whole(n_shared, "n_shared", least=0, most=n)
    if shared_as not in get_args(SharedAs):
        raise FormatError(f"shared_as is {shared_as!r:.80}: one of {get_args(SharedAs)} is needed")
    checked_whole(n_inputs, "n_inputs", least=4)
    generator = stream(root_seed(rng), "shared circuits")
    n_new = n if shared_as == "unread" else n - k
    brackets = list(_brackets(n_inputs, generator))
    if n_inputs % 2 or n + n_new > len(brackets):
        raise LimitError(
            f"{n + n_new} different sub-functions are needed, and {n_inputs} inputs give "
            f"{len(brackets)}: an even number of inputs, more inputs or fewer functions are needed"
        )
    functions = tuple(f"f{i + 1}" for i in range(n))
    shared, new = functions[:k], tuple(f"g{i + 1}" for i in range(n_new))
    lines = dict(zip((*functions, *new), brackets, strict=False))
    of_target = new if shared_as == "unread" else (*shared, *new)
    order = functions if of_target == functions else tuple(generator.permutation(of_target))
    order = tuple(map(str, order))
    source_text = _text([(f, lines[f].plain(f)) for f in functions], functions, functions)
    copies = shared if shared_as == "duplicated" else ()
    rewritten = shared if shared_as == "rewritten" else ()
    written = [(f, lines[f].rewritten(f) if f in rewritten else lines[f].plain(f)) for f in order]
    written += [(f"{f}_again", lines[f].plain(f"{f}_again", swapped=True)) for f in copies]
    seconds = tuple(f"{f}_again" if f in copies else f for f in order)
    target_text = _text(written, order, seconds)
    inputs = tuple(_names(n_inputs))
    source, target = (parse_circuit(text) for text in (source_text, target_text))
    nets = compile_circuit(source), compile_circuit(target)
    places = Places(inputs)
    source_net = places.add(source.inputs, nets[0], {})
    same = set(source_text.split("\n")).intersection(target_text.split("\n"))
    in_place = [line.split(" = ")[0] for line in sorted(same) if shared_as != "rewritten"]
    target_net = places.add(target.inputs, nets[1], {f: source_net[f] for f in in_place})
    kept = shared if shared_as == "unread" else ()
    result = placed(places, source.inputs, nets[0], source_net)
    unrelated = None
    if n + n_new + n <= len(brackets):
        others = tuple(f"u{i + 1}" for i in range(n))
        rest = zip(others, brackets[-n:], strict=True)
        unrelated = parse_circuit(_text([(f, x.plain(f)) for f, x in rest], others, others))
        unrelated = replace(unrelated, inputs=inputs)
    return SharedCircuits(
        inputs,
        source_text,
        target_text,
        replace(source, inputs=inputs),
        replace(target, inputs=inputs),
        functions,
        shared,
        order,
        result,
        placed(places, target.inputs, nets[1], target_net, borrowed=(result, kept)),
        unrelated,
    )


@dataclass(frozen=True)
class _Brackets:
    """Two exclusive ors of inputs, each of them negated or not, joined by and."""

    pairs: tuple[tuple[str, str], tuple[str, str]]
    negated: tuple[bool, bool]

    def plain(self, name: str, *, swapped: bool = False) -> str:
        """The function as text; swapped: by gates that are not merged with those of the first."""
        pairs = [pair[::-1] if swapped else pair for pair in self.pairs]
        return self._joined(name, [f"({a} ^ {b})" for a, b in pairs], self.negated)

    def rewritten(self, name: str) -> str:
        """The same function, with both-or-neither in the place of each exclusive or."""
        texts = [f"(({a} & {b}) | (~{a} & ~{b}))" for a, b in self.pairs]
        return self._joined(name, texts, (not self.negated[0], not self.negated[1]))

    @staticmethod
    def _joined(name: str, texts: Sequence[str], negated: Sequence[bool]) -> str:
        left, right = (("~" if no else "") + text for text, no in zip(texts, negated, strict=True))
        return f"{name} = {left} & {right}"


def _names(n: int) -> Iterator[str]:
    width = len(str(n - 1))
    return (f"x{i:0{width}}" for i in range(n))


def _brackets(n_inputs: int, generator: np.random.Generator) -> Iterator[_Brackets]:
    """Sub-functions of which no two use the same pair of inputs, by the rounds of a tournament.

    In each round every input meets one other, and in n − 1 rounds every other once: the first stays
    in its seat and the others move around the table.
    """
    seats = [list(_names(n_inputs))[i] for i in generator.permutation(n_inputs)]
    rounds = []
    for _ in range(n_inputs - 1):
        half = n_inputs // 2
        rounds.append(list(zip(seats[:half], reversed(seats[half:]), strict=False)))
        seats = [seats[0], seats[-1], *seats[1:-1]]
    for table in generator.permutation(len(rounds)):
        pairs = rounds[table]
        for left, right in zip(pairs[::2], pairs[1::2], strict=False):
            negated = generator.integers(3)  # both brackets negated: "neither" is left out
            yield _Brackets((left, right), (negated == 1, negated == 2))


def _text(lines: Sequence[tuple[str, str]], order: Sequence[str], seconds: Sequence[str]) -> str:
    """The functions, and an output for each that joins it with the one that follows it."""
    joined = [f"out{i + 1} = {f} ^ {seconds[(i + 1) % len(order)]}" for i, f in enumerate(order)]
    return "\n".join([line for _, line in lines] + joined)
