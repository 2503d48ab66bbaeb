"""Five programs whose circuits are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import eq, gt, le, lt
from types import MappingProxyType
from typing import Any

from netsculpt.core.errors import GraphError
from netsculpt.nets.compiled.primitives import (
    POSITIONS,
    TOKENS,
    Aggregate,
    Map,
    Mean,
    Select,
    SelectorWidth,
    SequenceMap,
    Value,
)
from netsculpt.nets.compiled.program import Program

__all__ = ["PROGRAMS", "brackets", "histogram", "most_frequent", "reverse", "sort"]


def reverse(vocabulary: Sequence[Value], length: int) -> Program:
    """The sequence backwards."""
    size = SelectorWidth("size", Select(POSITIONS, POSITIONS, _always))
    opposite = SequenceMap("opposite", size, POSITIONS, lambda n, x: n - 1 - x if x < n else None)
    output = Aggregate("reversed", Select(POSITIONS, opposite, eq), TOKENS)
    return Program(output, vocabulary, length)


def histogram(vocabulary: Sequence[Value], length: int) -> Program:
    """How often the token at each position occurs in the sequence."""
    return Program(SelectorWidth("count", Select(TOKENS, TOKENS, eq)), vocabulary, length)


def most_frequent(vocabulary: Sequence[Value], length: int) -> Program:
    """The most frequent token, at every position; among equals the first in the vocabulary."""
    order = {token: place for place, token in enumerate(vocabulary)}
    count = SelectorWidth("count", Select(TOKENS, TOKENS, eq))
    score = SequenceMap("score", count, TOKENS, lambda n, x: (n, -order[x]) if n else None)
    n_better = SelectorWidth("n_better", Select(score, score, gt))
    best = Map("best", n_better, lambda n: None if n else True)
    output = Aggregate("winner", Select(best, POSITIONS, _always), TOKENS)
    return Program(output, vocabulary, length)


def sort(vocabulary: Sequence[Value], length: int) -> Program:
    """The tokens in the order of the vocabulary."""
    order = {token: place for place, token in enumerate(vocabulary)}
    key = SequenceMap("key", TOKENS, POSITIONS, lambda x, place: (order[x], place))
    rank = SelectorWidth("rank", Select(key, key, lt))
    output = Aggregate("sorted", Select(rank, POSITIONS, eq), TOKENS)
    return Program(output, vocabulary, length)


def brackets(vocabulary: Sequence[Value], length: int) -> Program:
    """Whether all brackets are balanced, at every position.

    The first token of the vocabulary opens, the second closes, others do not matter.
    """
    if len(vocabulary) < 2:
        raise GraphError(
            f"the vocabulary is {vocabulary!r}: a token that opens and one that closes are needed"
        )
    signs = {vocabulary[0]: 1, vocabulary[1]: -1}
    everywhere = Select(POSITIONS, POSITIONS, _always)
    sign = Map("sign", TOKENS, lambda x: signs.get(x, 0))
    depth = Mean("depth", Select(POSITIONS, POSITIONS, le), sign)
    below = Map("below", depth, lambda x: x < 0)
    share_below = Mean("share_below", everywhere, below)
    ever_below = Map("ever_below", share_below, lambda x: x > 0)
    total = Mean("total", everywhere, sign)
    uneven = Map("uneven", total, lambda x: x != 0)
    output = SequenceMap("balanced", ever_below, uneven, lambda a, b: not (a or b))
    return Program(output, vocabulary, length)


PROGRAMS: Mapping[str, Callable[[Sequence[Value], int], Program]] = MappingProxyType(
    {x.__name__: x for x in (reverse, histogram, most_frequent, sort, brackets)}
)


def _always(key: Any, query: Any) -> bool:  # noqa: ARG001
    return True
