"""The module graph of a network, and the description of its modules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.forms import FORMS
from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.hierarchy.levels import trophic_levels
from netsculpt.hierarchy.reach import ends_reached, fed_outputs_without_module, path_shares
from netsculpt.hierarchy.result import Module


def in_form(graph: NetGraph, form: str) -> NetGraph:
    """The network with its weights in this form; raises `GraphError` if the form is unknown."""
    if form not in FORMS:
        raise GraphError(f"form is {form!r}: one of {', '.join(FORMS)} is needed")
    weighed: NetGraph = getattr(graph, form)
    return weighed


def quotient(graph: NetGraph, labels: NDArray[np.int32], n_modules: int) -> csr_array:
    """Summed |weight| from module to module [M, M], no diagonal; edges of weight 0 are stored."""
    source, target = labels[graph.sources], labels[graph.weights.indices]
    between = (source >= 0) & (target >= 0) & (source != target)
    weights = np.abs(graph.weights.data[between].astype(np.float64))
    ends = source[between], target[between]
    return csr_array(coo_array((weights, ends), shape=(n_modules, n_modules)))


def described(
    graph: NetGraph, partition: Partition, edges: csr_array, level: NDArray[np.int64]
) -> tuple[Module, ...]:
    """The modules of a partition that feed each other by these edges [M, M]."""
    labels, n_modules = partition.labels, partition.n_modules
    n_layers = len(graph.layers)
    inside = labels != NO_MODULE
    in_layer = labels[inside].astype(np.int64) * n_layers + graph.layer_of[inside]
    by_layer = np.bincount(in_layer, minlength=n_modules * n_layers).reshape(n_modules, n_layers)
    sizes, trophic = partition.sizes, trophic_levels(edges)
    n_outputs = fed_outputs_without_module(graph, labels, n_modules)
    seen, served = ends_reached(graph, labels, n_modules)
    share = path_shares(graph, labels, n_modules)
    fed_by = edges.tocsc()
    modules = []
    for label in range(n_modules):
        feeds = edges.indices[edges.indptr[label] : edges.indptr[label + 1]].tolist()
        feeders = fed_by.indices[fed_by.indptr[label] : fed_by.indptr[label + 1]].tolist()
        modules.append(
            Module(
                label=label,
                n_units=int(sizes[label]),
                units_by_layer=tuple(by_layer[label].tolist()),
                level=int(level[label]),
                trophic_level=float(trophic[label]),
                reuse=len(feeds) + int(n_outputs[label]),
                feeds=tuple(feeds),
                fed_by=tuple(feeders),
                inputs_seen=tuple(seen[label].tolist()),
                outputs_served=tuple(served[label].tolist()),
                path_share=float(share[label]),
            )
        )
    return tuple(modules)


def end_names(graph: NetGraph) -> dict[int, str]:
    """Names of the inputs and outputs."""
    ends = [*graph.inputs.tolist(), *graph.outputs.tolist()]
    return dict(zip(ends, unit_names(graph, ends), strict=True))
