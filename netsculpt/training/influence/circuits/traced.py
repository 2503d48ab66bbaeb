"""The graph of a transformer, with the channels that its edges lead from and to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.provenance import step
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.parts import part_of
from netsculpt.nets.gpt.net import GPT
from netsculpt.tracing import trace
from netsculpt.training.influence.circuits.channels import channels_of
from netsculpt.training.influence.circuits.edges import ends_of
from netsculpt.training.tasks import NextToken, Task

__all__ = ["End", "Traced", "circuit_graph", "traced"]


@dataclass(frozen=True, eq=False)
class End:
    """The edges within a block that lead from the channels of a place, or to them."""

    edges: NDArray[np.intp]  # [m] indices into [E]
    channel: NDArray[np.int32]  # [m]


@dataclass(frozen=True, eq=False)
class Traced:
    """A graph, and where the channels of each place are in it."""

    graph: NetGraph
    reads: dict[str, End]  # by place
    writes: dict[str, End]
    leads_to_choices: NDArray[np.bool_]  # [E] False: into the logit of a token that is no choice


def traced(net: GPT, task: Task) -> Traced:
    """Trace a net; what comes from positions alone is a constant, which makes no edges."""
    graph = trace(net, task.inputs[:1])
    sizes = channels_of(net, task.inputs).sizes
    reads: dict[str, End] = {}
    writes: dict[str, End] = {}
    blocks = {x.parameter: x for x in graph.blocks if x.parameter is not None}
    for entry, places in ends_of(net):
        if entry.name not in blocks:
            continue  # all of its weights are pruned, or read constants
        block = blocks[entry.name]
        inside = graph.block_edges(block.source, block.target)
        edges = np.arange(graph.n_edges)[inside]
        rows = (  # a layer has a unit for each channel, in order; positions that are read have none
            graph.sources[edges] - graph.layer(block.source).start,
            graph.weights.indices[edges] - graph.layer(block.target).start,
        )
        for names, row, ends in zip(places, rows, (reads, writes), strict=True):
            first = 0
            for name in names:
                own = (row >= first) & (row < first + sizes[name])
                ends[name] = End(edges[own], row[own] - first)
                first += sizes[name]
    return Traced(graph, reads, writes, _to_choices(graph, task))


def _to_choices(graph: NetGraph, task: Task) -> NDArray[np.bool_]:
    """Edges [E] but those into the logits of other tokens."""
    assert isinstance(task.goal, NextToken)
    assert graph.positions is not None
    other = np.zeros(graph.n_units, dtype=np.bool_)
    other[graph.outputs] = ~np.isin(graph.positions[graph.outputs], task.goal.choices)
    return ~other[graph.weights.indices]


def circuit_graph(net: GPT, task: Task, kept: Mapping[str, NDArray[np.bool_]]) -> NetGraph:
    """The graph of a circuit: weights between kept channels, on paths to the task's choices.

    Embedding, unembedding and the residual stream stay whole, as far as they are on such paths.

    Raises
    ------
    FormatError
        If `kept` is not a boolean mask of the channels of each place, as `Circuit.kept` is.
    """
    found = traced(net, task)
    for place, end in (*found.reads.items(), *found.writes.items()):
        mask = np.asarray(kept.get(place, ()))
        if mask.dtype != np.bool_ or mask.ndim != 1 or mask.size <= end.channel.max(initial=-1):
            raise FormatError(
                f"there is no boolean mask of the channels of {place!r}: give Circuit.kept, one "
                "mask for each place"
            )
    edges = found.leads_to_choices.copy()
    for ends in (found.reads, found.writes):
        for place, end in ends.items():
            edges[end.edges] &= kept[place][end.channel]
    whole = np.ones(found.graph.n_units, dtype=np.bool_)
    how = step("circuit", task=task.name, dropped_edges=int((~edges).sum()))
    return part_of(found.graph, whole, edges).with_step(how).live()
