"""Transformers compiled from programs: modules are the variables of the program.

Every family is a program, every network one size of its vocabulary and of its sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np

from modbench1.network import Network, drawn, numbered, shuffled
from netsculpt.graph.partition import NO_MODULE
from netsculpt.nets.compiled import BEGIN, PROGRAMS, compile_program, true_modules
from netsculpt.tracing import trace

__all__ = ["FAMILIES", "SIZES", "networks"]

FAMILIES = tuple(PROGRAMS)
SIZES = tuple(product((2, 3, 4), (4, 5, 6)))  # tokens of the vocabulary, positions


def networks(suite: str, family: str, indices: Iterable[int]) -> Iterator[Network]:
    """Networks of a program.

    The begin token, which many heads read and no step is about, has no module.
    """
    for index in indices:
        n_tokens, length = SIZES[index]
        vocabulary = "()ab"[:n_tokens]
        net = compile_program(PROGRAMS[family](vocabulary, length))
        graph = trace(net, net.encoded([vocabulary[0] * length]))
        true = true_modules(net, graph)
        begin = true.variables.index(BEGIN.name)
        labels = true.partition.labels.astype(np.int64)
        labels[labels == begin] = NO_MODULE
        truth, feeds = numbered(labels, frozenset(x for x in true.feeds if begin not in x))
        yield shuffled(Network(graph, truth, feeds), drawn(suite, family, index))
