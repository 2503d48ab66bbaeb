"""Where the activations of a traced net's units are taken by the operations that they feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.program import Program, inputs_of, leaves

__all__ = ["RETURN", "Site", "Sites"]

RETURN = ""  # the "operation" that takes what the net returns


@dataclass(frozen=True, eq=False)
class Site:
    """A value whose elements are activations of units, flattened to columns of an array [n, K]."""

    name: str  # of the value in the program
    shape: tuple[int, ...]  # for one sample, batch of 1 included
    columns: slice
    units: NDArray[np.int64]  # [elements] unit of each, negative where there is none


@dataclass(frozen=True, eq=False)
class Sites:
    """Every value that an operation turns into other units.

    An operation takes a unit if its operand has it and its own value does not: a linear layer, a
    convolution, the sum of two streams. A nonlinearity, a norm or a pooling has the same units
    before and after, so a unit's activation is what comes behind them. Where several operations
    take the same unit, at different points, each of these points is a site.
    """

    sites: Mapping[str, Site]  # by the name of the value
    taken: Mapping[str, Mapping[str, Tensor]]  # operation → operand → which elements are replaced
    found: NDArray[np.bool_]  # [U] units all of whose edges leave from sites

    @classmethod
    def of(
        cls, program: Program, shadows: Mapping[str, Any], builder: Builder, graph: NetGraph
    ) -> Sites:
        """The sites of a program, of which `graph` is the whole trace."""
        taken: dict[str, dict[str, Tensor]] = {}
        consumed: dict[str, NDArray[np.bool_]] = {}  # by operation [U]
        makers = [""] * len(builder.layers)  # operation that first shows units of each layer
        for op in program.ops:
            made = _units_in(shadows[op.output])
            for layer in np.unique(builder.layer_of(made)).tolist():
                makers[layer] = makers[layer] or op.output
            operands = {name: shadows[name] for name in dict.fromkeys(op.inputs)}
            _take(taken, consumed, op.output, operands, made, graph.n_units)
        results = {name: shadows[name] for name in dict.fromkeys(inputs_of(program.outputs))}
        is_output = np.array([layer.role == "output" for layer in graph.layers])[graph.layer_of]
        _take(taken, consumed, RETURN, results, np.flatnonzero(is_output), graph.n_units)
        sites: dict[str, Site] = {}
        start = 0
        for operands_of in taken.values():
            for name in operands_of:
                if name not in sites:
                    units = shadows[name].units
                    stop = start + units.numel()
                    flat = units.reshape(-1).numpy()
                    sites[name] = Site(name, tuple(units.shape), slice(start, stop), flat)
                    start = stop
        reached = np.zeros(graph.n_units, dtype=bool)
        for units in consumed.values():
            reached |= units
        return cls(sites, taken, reached & ~_left_over(graph, consumed, makers))

    @property
    def units(self) -> NDArray[np.int64]:
        """Unit of each column [K], negative where there is none."""
        return np.concatenate([np.zeros(0, np.int64), *(x.units for x in self.sites.values())])


def _units_in(shadow: Any) -> NDArray[np.int64]:
    parts = [np.unique(x.units.numpy()) for x in leaves(shadow) if isinstance(x, Activation)]
    units = np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))
    kept: NDArray[np.int64] = units[units > NOTHING]
    return kept


def _take(
    taken: dict[str, dict[str, Tensor]],
    consumed: dict[str, NDArray[np.bool_]],
    op: str,
    operands: Mapping[str, Any],
    made: NDArray[np.int64],
    n_units: int,
) -> None:
    """Note which elements of its operands an operation turns into other units."""
    units_of_op = np.zeros(n_units, dtype=bool)
    for name, shadow in operands.items():
        if not isinstance(shadow, Activation):
            continue  # a tuple, of which an operation takes a part, which has the same units
        units = shadow.units.reshape(-1).numpy()
        here = (units > NOTHING) & ~np.isin(units, made)
        if here.any():
            taken.setdefault(op, {})[name] = torch.from_numpy(here)
            units_of_op[units[here]] = True
    consumed[op] = units_of_op


def _left_over(
    graph: NetGraph, consumed: Mapping[str, NDArray[np.bool_]], makers: list[str]
) -> NDArray[np.bool_]:
    """Units with an edge into what an operation made without taking them as an operand [U].

    So are the steps of a recurrent layer: its operation computes all of them.
    """
    after = RETURN  # layers inside an operation come before the one that it returns
    inside: list[str] = []
    for maker in reversed(makers):
        after = maker or after
        inside.append(after)
    number = {layer.name: index for index, layer in enumerate(graph.layers)}
    left = np.zeros(graph.n_units, dtype=bool)
    for block in graph.blocks:
        source = graph.layer(block.source)
        edges = graph.block(block.source, block.target)
        leaving = np.flatnonzero(np.diff(edges.indptr)) + source.start
        op = inside[::-1][number[block.target]]
        is_state = graph.layer(block.target).role == "state"  # read inside a recurrent layer
        left[leaving] |= is_state | ~consumed[op][leaving]
    return left
