"""Topologies as graphs, and graphs of weight agnostic networks as topologies."""

from __future__ import annotations

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.by_depth import BIAS, by_depth
from netsculpt.graph.graph import NetGraph
from netsculpt.training.search.topology import Topology

__all__ = ["graph_of", "topology_of"]


def graph_of(topology: Topology) -> NetGraph:
    """The graph of a topology, its units in layers by depth, every weight 1."""
    return by_depth(
        topology.sources,
        np.repeat(np.arange(topology.n_units), np.diff(topology.indptr)),
        n_inputs=topology.n_inputs,
        n_outputs=topology.n_outputs,
        activation=[WANN_ACTIVATIONS[kind] for kind in topology.activations],
    )


def topology_of(graph: NetGraph) -> Topology:
    """The pattern of a weight agnostic network, such as `netsculpt.load` reads from ``.out`` files.

    Its edges are ordered by target, then by source; so are weights [E] that belong to them:
    ``graph.weights.tocsc().data``.

    Raises
    ------
    GraphError
        If the graph has no bias unit, or its units no activations of weight agnostic networks.
    """
    names = graph.attributes.get(ACTIVATION)
    if names is None or not graph.layers or graph.layers[0].name != BIAS:
        raise GraphError(
            "the graph is not of a weight agnostic network, which has a unit 'bias' and an "
            "activation for each unit: give one of netsculpt.graph.by_depth, or of a .out file"
        )
    strangers = sorted({*names.tolist()} - {*WANN_ACTIVATIONS})
    if strangers:
        raise GraphError(
            f"units have the activations {', '.join(map(repr, strangers))}: "
            f"{', '.join(WANN_ACTIVATIONS)} can be evaluated"
        )
    incoming = graph.weights.tocsc()
    incoming.sort_indices()
    return Topology(
        n_inputs=sum(layer.n_units for layer in graph.layers if layer.role == "input"),
        n_outputs=graph.layers[-1].n_units,
        indptr=incoming.indptr.astype(np.int32),
        sources=incoming.indices.astype(np.int32),
        activations=np.array([WANN_ACTIVATIONS.index(name) for name in names], np.int8),
    )
