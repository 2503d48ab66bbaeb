"""The graph of an attribution graph's nodes and links."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.provenance import step
from netsculpt.graph.attribution.nodes import EMBEDDING, ERROR, LOGIT, Nodes
from netsculpt.graph.graph import Block, Layer, NetGraph, Role, float_type

__all__ = ["from_links"]

_MOST_LAYERS = 2000  # some ten times as many as the deepest language models have


def from_links(
    nodes: Nodes, sources: ArrayLike, targets: ArrayLike, weights: ArrayLike
) -> NetGraph:
    """The graph of nodes and links, in layers by the layers of the model.

    The layers are "E" (tokens), "0", "0 errors", "1", "1 errors", …, "logits"; those without nodes
    are left out. Tokens and errors are inputs, since nothing feeds them; logits are outputs. Units
    of a layer are in the order of their tokens, then of the nodes.

    Parameters
    ----------
    nodes
        The nodes [N].
    sources, targets
        Nodes that each link leads from and to [E], in any order.
    weights
        Signed weight of each link [E].

    Returns
    -------
    NetGraph
        Its `attributes` are the columns of `nodes`.

    Raises
    ------
    GraphError
        If shapes or numbers do not fit, a link does not lead to a later layer, leads to an earlier
        token of the prompt, to a token or an error, or is given twice.
    LimitError
        If there are more than 2,000 layers.

    Notes
    -----
    Cost O(N log N + E), with some 30 bytes per link on top of the arguments.

    Source: Ameisen et al. 2025, "Circuit Tracing" (Transformer Circuits); the nodes and their order
    as in the JSON of circuit-tracer.
    """
    begin, end = (np.asarray(ends) for ends in (sources, targets))
    data = np.asarray(weights)
    rank = nodes.rank
    _check(nodes, rank, begin, end, data)
    order = nodes.order
    unit = np.empty(nodes.n_nodes, np.int32)
    unit[order] = np.arange(nodes.n_nodes, dtype=np.int32)
    shape = (nodes.n_nodes, nodes.n_nodes)
    data = data.astype(float_type(data.dtype), copy=False)
    rows = csr_array((data, (unit[begin], unit[end])), shape)  # sums links that are given twice
    if rows.nnz < begin.size:
        raise GraphError(f"link {_twice(nodes, begin, end)} is given twice: give each once")
    rows.sort_indices()
    used, layer_of = np.unique(rank, return_inverse=True)
    if used.size > _MOST_LAYERS:
        raise LimitError(f"{used.size} layers found, at most {_MOST_LAYERS} are allowed")
    layers = _layers(nodes, used, layer_of, np.bincount(layer_of).tolist())
    return NetGraph(
        rows,
        None,
        layers,
        _blocks(layers, layer_of, begin, end),
        (step("from_links", n_nodes=nodes.n_nodes, n_links=int(begin.size)),),
        attributes=nodes.columns,
    )


def _check(
    nodes: Nodes,
    rank: NDArray[np.int64],
    begin: NDArray[np.integer],
    end: NDArray[np.integer],
    data: NDArray[np.floating],
) -> None:
    if begin.ndim != 1 or not begin.shape == end.shape == data.shape:
        raise GraphError(
            f"sources {list(begin.shape)}, targets {list(end.shape)} and weights "
            f"{list(data.shape)} found: one of each per link is needed, [E]"
        )
    if begin.size and not {begin.dtype.kind, end.dtype.kind} <= {"i", "u"}:
        raise GraphError(f"links are {begin.dtype} and {end.dtype}: numbers of nodes are needed")
    for ends in (begin, end):
        if ends.size and not 0 <= ends.min() <= ends.max() < nodes.n_nodes:
            raise GraphError(
                f"a link has node {ends.min()} or {ends.max()}: 0 … {nodes.n_nodes - 1} are given"
            )
    if (nodes.layer < 0).any() or (nodes.token_position < 0).any():
        raise GraphError("a layer or a token position is negative: both are counted from 0")
    fed, at = ~np.isin(nodes.feature_type, [EMBEDDING, ERROR]), nodes.token_position
    for wrong, rule in (
        (~fed[end], "nothing feeds tokens and errors"),
        (rank[begin] >= rank[end], "a link leads to a later layer: tokens, 0, 1, …, logits"),
        (
            at[begin] > at[end],
            "a link leads to the same token or a later one, as in causal attention",
        ),
    ):
        if wrong.any():
            link = int(np.flatnonzero(wrong)[0])
            raise GraphError(f"link {_link(nodes, begin[link], end[link])} found: {rule}")


def _layers(
    nodes: Nodes, used: NDArray[np.int64], layer_of: NDArray[np.intp], sizes: list[int]
) -> tuple[Layer, ...]:
    """Layers that have nodes, in the order of their ranks `used`."""
    one_of = np.empty(used.size, np.intp)
    one_of[layer_of] = np.arange(nodes.n_nodes)  # any node of each layer
    layers = []
    bounds = pairwise(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).tolist())
    for node, (start, stop) in zip(one_of.tolist(), bounds, strict=True):
        name, role = _name(str(nodes.feature_type[node]), int(nodes.layer[node]))
        layers.append(Layer(name, role, (stop - start,), start, stop))
    return tuple(layers)


def _name(feature_type: str, layer: int) -> tuple[str, Role]:
    if feature_type == EMBEDDING:
        return "E", "input"
    if feature_type == LOGIT:
        return "logits", "output"
    return (f"{layer} errors", "input") if feature_type == ERROR else (str(layer), "hidden")


def _blocks(
    layers: tuple[Layer, ...],
    layer_of: NDArray[np.intp],
    begin: NDArray[np.integer],
    end: NDArray[np.integer],
) -> tuple[Block, ...]:
    number = layer_of.astype(np.int32)
    pair = number[begin] * np.int32(len(layers)) + number[end]
    pairs = np.flatnonzero(np.bincount(pair, minlength=1)) if pair.size else pair
    return tuple(
        Block(one.name, two.name, None, "linear", one.n_units * two.n_units)
        for one, two in (
            (layers[index // len(layers)], layers[index % len(layers)]) for index in pairs.tolist()
        )
    )


def _link(nodes: Nodes, begin: int, end: int) -> str:
    """A link for a message."""
    one, two = (f"{nodes.node_id[x]!s:.80} ({nodes.feature_type[x]!s:.40})" for x in (begin, end))
    return f"{one} → {two}"


def _twice(nodes: Nodes, begin: NDArray[np.integer], end: NDArray[np.integer]) -> str:
    pair = begin.astype(np.int64) * nodes.n_nodes + end
    values, counts = np.unique(pair, return_counts=True)
    first, second = divmod(int(values[np.argmax(counts > 1)]), nodes.n_nodes)
    return _link(nodes, first, second)
