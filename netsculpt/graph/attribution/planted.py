"""Random attribution graphs with planted supernodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_fraction, checked_number, checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.attribution.from_links import from_links
from netsculpt.graph.attribution.nodes import (
    EMBEDDING,
    ERROR,
    FEATURE,
    LOGIT,
    Nodes,
)
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition

__all__ = ["planted_supernodes"]

_INHIBITING = 0.3  # share of links with a negative weight
_NO_NUMBER = -1


def planted_supernodes(
    n_layers: int = 8,
    n_features: int = 48,
    k: int = 4,
    *,
    p_in: float = 0.4,
    p_out: float = 0.03,
    n_tokens: int = 8,
    n_logits: int = 4,
    spread: float = 1.0,
    errors: bool = True,
    rng: RNG = None,
) -> tuple[NetGraph, Partition]:
    """Draw an attribution graph whose features belong to k planted supernodes.

    Ground truth for detectors and null models, and an example that needs no language model. Every
    layer's features are divided among the supernodes as evenly as possible and sit at random token
    positions. A link from a node to one of a later layer, at the same or a later token as in causal
    attention, exists with probability `p_in` inside a supernode and `p_out` elsewhere. Tokens and
    logits belong to supernodes too; errors feed everything with `p_out`. Weights are lognormal, 30
    per cent of them negative, times a lognormal scale of each source (its activation) and of each
    target: only the pattern tells supernodes apart. Nodes on no path from an input to a logit are
    left out, as the pruning of such graphs does.

    Parameters
    ----------
    n_layers, n_features
        Layers of the model, and active features drawn in each.
    k
        Supernodes, at most `n_features`.
    p_in, p_out
        Probability, 0 … 1, of a link inside a supernode and elsewhere; equal: no supernodes.
    n_tokens, n_logits
        Tokens of the prompt, and candidates for the next one, whose probabilities sum to .9.
    spread
        σ of the logarithm of weights and of scales, at least 0.
    errors
        Whether each layer has an error at each token.
    rng
        Seed or generator.

    Returns
    -------
    tuple[NetGraph, Partition]
        The graph, and the planted supernode of each unit [U], −1 for errors. The clerp of a feature
        names its supernode.

    Raises
    ------
    GraphError
        If a parameter is out of its range.

    Notes
    -----
    Cost O(N²) in time and memory, for N nodes.

    Examples
    --------
    >>> graph, truth = planted_supernodes(2, 12, 2, rng=0)
    >>> [layer.name for layer in graph.layers]
    ['E', '0', '0 errors', '1', '1 errors', 'logits']
    >>> truth.n_modules
    2
    """
    counts = {"n_layers": n_layers, "n_features": n_features, "k": k}
    for name, value in {**counts, "n_tokens": n_tokens, "n_logits": n_logits}.items():
        checked_whole(value, name, least=1)
    if k > n_features:
        raise GraphError(f"k is {k}: at most n_features = {n_features} supernodes are possible")
    checked_fraction(p_in, "p_in")
    checked_fraction(p_out, "p_out")
    checked_number(spread, "spread", least=0)
    seed = root_seed(rng)
    positions = stream(seed, "positions").integers(n_tokens, size=(n_layers, n_features))
    theme = np.arange(n_features) * k // n_features
    tokens, candidates = np.arange(n_tokens), np.arange(n_logits)
    parts = [_part(EMBEDDING, 0, tokens, tokens, tokens * k // n_tokens)]
    for layer in range(n_layers):
        number = n_layers + layer * n_features + np.arange(n_features)  # no error has such an id
        parts.append(_part(FEATURE, layer, positions[layer], number, theme))
        if errors:
            nothing = np.full(n_tokens, NO_MODULE)
            parts.append(_part(ERROR, layer, tokens, np.full(n_tokens, _NO_NUMBER), nothing))
    last = np.full(n_logits, n_tokens - 1)
    parts.append(_part(LOGIT, n_layers + 1, last, candidates, candidates * k // n_logits))
    kind, layers, at, feature, module = (np.concatenate(x) for x in zip(*parts, strict=True))
    nodes = _nodes(kind, layers, at, feature, module, n_logits)
    begin, end = _links(nodes, module, p_in, p_out, stream(seed, "links"))
    weights = _weights(begin, end, nodes.n_nodes, spread, stream(seed, "weights"))
    live = _live(nodes, begin, end)
    both = live[begin] & live[end]
    number = np.cumsum(live) - 1
    nodes = Nodes(**{name: values[live] for name, values in vars(nodes).items()})
    ends = number[begin[both]], number[end[both]]
    graph = from_links(nodes, *ends, weights[both])
    return graph, Partition(module[live][nodes.order])


def _part(
    kind: str,
    layer: int,
    at: NDArray[np.int64],
    feature: NDArray[np.int64],
    module: NDArray[np.int64],
) -> tuple[NDArray[Any], ...]:
    """Type, layer, token position, number and supernode of some nodes."""
    return np.full(at.size, kind), np.full(at.size, layer), at, feature, module


def _nodes(
    kind: NDArray[np.str_],
    layer: NDArray[np.int64],
    at: NDArray[np.int64],
    feature: NDArray[np.int64],
    module: NDArray[np.int64],
    n_logits: int,
) -> Nodes:
    ids = [
        f"E_{n}_{token}" if what == EMBEDDING else f"0_{a}_{token}" if what == ERROR
        else f"{a}_{n}_{token}"
        for what, a, token, n in zip(kind, layer, at, feature, strict=True)
    ]  # fmt: skip
    is_logit, is_feature = kind == LOGIT, kind == FEATURE
    probability = np.zeros(kind.size)
    probability[is_logit] = 0.9 * 0.5 ** np.arange(n_logits) / (2 - 0.5 ** (n_logits - 1))
    names = [
        f"theme-{theme}" if real else "" for theme, real in zip(module, is_feature, strict=True)
    ]
    return Nodes(
        node_id=np.array(ids),
        layer=layer,
        feature_type=kind,
        token_position=at,
        feature=feature,
        clerp=np.array(names),
        token_prob=probability,
        feature_activation=np.where(is_feature, 1.0, np.nan),
        influence=np.full(kind.size, np.nan),
    )


def _links(
    nodes: Nodes, module: NDArray[np.int64], p_in: float, p_out: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rank, at = nodes.rank, nodes.token_position
    fed = ~np.isin(nodes.feature_type, [EMBEDDING, ERROR])
    legal = (rank[:, None] < rank) & (at[:, None] <= at) & fed
    inside = (module[:, None] == module) & (module >= 0)
    begin, end = np.nonzero(legal & (rng.random(legal.shape) < np.where(inside, p_in, p_out)))
    return begin, end


def _live(nodes: Nodes, begin: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each node is on a path from an input to a logit [N]."""
    graph = from_links(nodes, begin, end, np.ones(begin.size, np.float32))
    live = np.empty(nodes.n_nodes, bool)
    live[nodes.order] = live_units(graph)
    return live


def _weights(
    begin: NDArray[np.intp], end: NDArray[np.intp], n: int, spread: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    sign = np.where(rng.random(begin.size) < _INHIBITING, -1.0, 1.0)
    size, scales = rng.standard_normal(begin.size), rng.standard_normal((2, n))
    exponents = size + scales[0, begin] + scales[1, end]
    weights: NDArray[np.float32] = (sign * np.exp(spread * exponents)).astype(np.float32)
    return weights
