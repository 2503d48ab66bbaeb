"""Which step of the program each unit of a compiled net's graph serves."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.nets.compiled.primitives import (
    BEGIN,
    POSITIONS,
    TOKENS,
    Aggregate,
    Map,
    Mean,
    SelectorWidth,
)
from netsculpt.nets.compiled.program import Program
from netsculpt.nets.compiled.transformer import Attention, CompiledTransformer, Perceptron

__all__ = ["TrueModules", "true_modules"]

_INSIDE = ("query", "key", "value", "pattern", "heads")  # layers of a head that are its own


@dataclass(frozen=True, eq=False)
class TrueModules:
    """Modules of a graph whose program is known."""

    partition: Partition  # [U]
    variables: tuple[str, ...]  # what each module is: an input or a step
    feeds: frozenset[tuple[int, int]]  # (source, target): modules of which one reads the other


def true_modules(net: CompiledTransformer, graph: NetGraph) -> TrueModules:
    """The modules of the graph of a compiled net: one for each variable of its program.

    A channel of the residual stream belongs to the variable that it holds, in every layer. All of a
    head (queries, keys, pattern, values) and a neuron of an MLP belong to the step that they
    compute. Heads and thresholds also read the begin token, a module of its own.

    Parameters
    ----------
    net
        The compiled net.
    graph
        What `netsculpt.trace` made of it; dead units may be cut.

    Raises
    ------
    GraphError
        If the graph has a layer that the net does not have.

    Examples
    --------
    >>> import netsculpt as ns
    >>> from netsculpt.nets.compiled import compile_program, reverse
    >>> net = compile_program(reverse("ab", 3))
    >>> graph = ns.trace(net, net.encoded(["aba"])).live()
    >>> true = true_modules(net, graph)
    >>> [f"{name} {size}" for name, size in zip(true.variables, true.partition.sizes)]
    ['tokens 12', 'begin 6', 'positions 18', 'size 21', 'opposite 12', 'reversed 18']
    """
    assert graph.positions is not None  # filled in by the constructor
    owners = _owners(net)
    names: list[str] = []
    for layer in graph.layers:
        own = owners.get(re.sub(r" \(\d+\)$|\[\d+\]$", "", layer.name))
        if own is None:
            known = ", ".join(owners)
            raise GraphError(
                f"the graph has a layer {layer.name!r}, the compiled net has {known}: give the "
                "graph of this net"
            )
        names += [own[x % len(own)] for x in graph.positions[layer.units]]
    number = {name: place for place, name in enumerate(dict.fromkeys(filter(None, names)))}
    labels = np.array([number.get(name, NO_MODULE) for name in names], dtype=np.int32)
    feeds = frozenset(
        (number[a], number[b]) for a, b in _feeds(net.program) if a in number and b in number
    )
    return TrueModules(Partition(labels, "truth"), tuple(number), feeds)


def _owners(net: CompiledTransformer) -> dict[str, tuple[str, ...]]:
    """The variable of each unit of a layer, or of all of them; "": of none."""
    channels = net.layout.owners
    values = net.program.values
    n_values = len(values[net.program.output.name])
    owners: dict[str, tuple[str, ...]] = {
        "tokens": (*[TOKENS.name] * len(values[TOKENS.name]), BEGIN.name),
        "positions": (*[POSITIONS.name] * len(values[POSITIONS.name]), ""),
        **dict.fromkeys(("token", "position", "add"), channels),
        "output": (net.program.output.name,) * n_values,
    }
    for name, layer in net.layers.named_children():
        if isinstance(layer, Attention):
            for place, step in enumerate(layer.steps):
                head = f"layers.{name}.heads.{place}"
                owners |= {f"{head}.{x}": (step,) for x in _INSIDE}
                owners[f"{head}.output"] = channels
        elif isinstance(layer, Perceptron):
            owners[f"layers.{name}.up"] = layer.steps
            owners[f"layers.{name}.down"] = channels
        owners[f"layers.{name}.add"] = channels
    return owners


def _feeds(program: Program) -> frozenset[tuple[str, str]]:
    """What reads what, the begin token included."""
    reads_begin = [
        x.name
        for x in program.variables
        if isinstance(x, Aggregate | Mean | SelectorWidth)
        or (isinstance(x, Map) and isinstance(x.source, Mean))
    ]
    return program.feeds | {(BEGIN.name, name) for name in reads_begin}
