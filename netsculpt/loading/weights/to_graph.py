"""From weights whose shapes form a chain of layers to a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from netsculpt.files.arrays import SparseWeight
from netsculpt.files.model import is_model
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.loading.weights.adapters import without_adapters
from netsculpt.loading.weights.chain import EPSILON, chain
from netsculpt.loading.weights.constants import Chain, without_constants
from netsculpt.loading.weights.edges import LayerEdges, edges_of
from netsculpt.loading.weights.links import Link
from netsculpt.loading.weights.parsed_file import ParsedFile, state_of, with_masks
from netsculpt.loading.weights.state import without_weight_norm

__all__ = ["graph_of_weights"]

_LONGEST_FUNCTION = 40  # characters of its name


def graph_of_weights(file: ParsedFile, *, allow_nonfinite: bool) -> NetGraph:
    """The graph of a chain of linear and convolutional layers."""
    plain = without_weight_norm(state_of(file), file.where)
    state = without_adapters(with_masks(plain, file), file.where)
    links = chain(
        state,
        ordered=file.content.ordered,
        conventional=file.format.startswith("torch"),
        described=is_model(file.value),
        where=file.where,
    )
    blocks = [edges_of(link) for link in links]
    named = [(link.parameter, block) for link, block in zip(links, blocks, strict=True)]
    nonfinite = {name: int((~np.isfinite(x.matrix.data)).sum()) for name, x in named}
    n_dropped = file.n_dropped(nonfinite, "edge", allowed=allow_nonfinite)
    if n_dropped:
        blocks = [_without_nonfinite(block) for block in blocks]
    chained = without_constants(links, blocks)
    graph = _graph(links, chained)
    origins = {name: block.origin for name, block in named}
    inferred = _inferred(links) | _stored_zeros(links)
    if chained.n_constant:
        inferred["constant_units"] = chained.n_constant
    graph = replace(graph, attributes=_activation(file, graph))
    loaded = file.step("load", origins, n_dropped=n_dropped, n_edges=graph.n_edges, **inferred)
    return replace(graph, provenance=(loaded, *graph.provenance))


def _activation(file: ParsedFile, graph: NetGraph) -> dict[str, Any]:
    """The function after each unit, where a ``model.pt`` says it: that of all hidden units."""
    net = file.value["net"] if is_model(file.value) else None
    is_mlp = isinstance(net, dict) and net.get("family") == "mlp"
    name = net.get("activation") if is_mlp and net is not None else None
    if not isinstance(name, str) or len(name) > _LONGEST_FUNCTION or not name.isidentifier():
        return {}
    hidden = [graph.layers[index].role == "hidden" for index in graph.layer_of]
    return {ACTIVATION: np.where(hidden, name, "identity")}


def _without_nonfinite(edges: LayerEdges) -> LayerEdges:
    matrix, counts = edges.matrix, edges.multiplicity
    keep = np.isfinite(matrix.data)
    before = np.concatenate([[0], np.cumsum(keep)])
    kept = csr_array((matrix.data[keep], matrix.indices[keep], before[matrix.indptr]), matrix.shape)
    return LayerEdges(kept, None if counts is None else counts[keep], edges.origin)


def _graph(links: Sequence[Link], chained: Chain) -> NetGraph:
    blocks = chained.blocks
    parameters = [link.parameter for link in links]
    names = ["input", *_layer_names(parameters)]
    graph = from_matrices([x.matrix.T for x in blocks], names=names, parameters=parameters)
    counts = [
        np.ones(x.matrix.nnz, np.int32) if x.multiplicity is None else x.multiplicity
        for x in blocks
    ]
    plain = all(x.multiplicity is None for x in blocks)
    with_sizes = tuple(
        replace(block, kind=link.kind, size=size)
        for block, link, size in zip(graph.blocks, links, chained.sizes, strict=True)
    )
    return replace(graph, blocks=with_sizes, multiplicity=None if plain else np.concatenate(counts))


def _layer_names(parameters: Sequence[str]) -> list[str]:
    """Parameter names without ".weight", where they stay different."""
    short = [name.removesuffix(".weight") for name in parameters]
    taken = Counter([*short, "input"])
    free = [name if taken[cut] > 1 else cut for name, cut in zip(parameters, short, strict=True)]
    return [f"{name} (layer)" if name == "input" else name for name in free]


def _stored_zeros(
    links: Sequence[Link],
) -> dict[str, dict[str, int]]:
    """How many zeros sparse tensors store, as blocks do whose entries are not all kept.

    They are edges here. In the other reading, of `Tensor.to_dense`, they are pruned.
    """
    zeros = {
        link.parameter: int((link.weight.matrix.data == 0).sum())
        for link in links
        if link.mask is None and isinstance(link.weight, SparseWeight)
    }
    found = {name: n for name, n in zeros.items() if n}
    return {"stored_zeros_as_edges": found} if found else {}


def _inferred(links: Sequence[Link]) -> dict[str, Any]:
    """What was inferred from shapes and names."""
    flattened = {link.parameter: link.positions for link in links if link.positions > 1}
    norms = {
        norm.name: {
            "kind": norm.kind,
            "into": link.parameter,
            **({"epsilon": EPSILON} if norm.kind == "batch" else {}),
        }
        for link in links
        for norm in link.norms
    }
    layouts = {
        link.parameter: f"[{'in, out' if link.swapped else 'out, in'}] {link.why}".rstrip()
        for link in links
        if link.swapped
    }
    inferred = {"flattened_positions": flattened, "norms_folded": norms, "layouts": layouts}
    return {"topology": "chain by shapes", **{key: x for key, x in inferred.items() if x}}
