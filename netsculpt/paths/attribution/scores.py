"""How much of a model's answer its attribution graph explains."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.errors import GraphError
from netsculpt.graph.attribution import EMBEDDING, ERROR, of_type
from netsculpt.graph.graph import NetGraph
from netsculpt.paths.attribution.influence import Influence, influence

__all__ = ["AttributionScores", "attribution_scores"]


@dataclass(frozen=True)
class AttributionScores:
    """Two fractions, 0 … 1; both are 1 if no error influences the logits."""

    replacement: float  # influence of tokens / (tokens + errors)
    completeness: float  # mean share of input that is not from errors, weighted by influence

    def summary(self) -> dict[str, float]:
        """Plain values, JSON-able."""
        return asdict(self)


def attribution_scores(
    graph: NetGraph,
    output_weights: ArrayLike | None = None,
    *,
    measured: Influence | None = None,
) -> AttributionScores:
    r"""Replacement and completeness score of an attribution graph.

    The replacement score is the share of influence that ends at tokens instead of errors: how much
    of the answer is traced back to the prompt. The completeness score is

    .. math:: \frac{\sum_v (I_v + p_v) (1 - \sum_{u \in \mathrm{errors}} S_{uv})}
              {\sum_v (I_v + p_v)}

    with the influence I, shares S and output weights p of `influence`; units that nothing feeds
    count in it with a share of 1, as published.

    They are scores of the graph at hand: of a pruned one, as files hold it, they are those of what
    the pruning kept.

    Parameters
    ----------
    graph
        An attribution graph; weights enter as |weight|.
    output_weights
        As in `influence`.
    measured
        The graph's `influence`, if it is known, in place of `output_weights`.

    Raises
    ------
    GraphError
        If it is not an attribution graph, or neither tokens nor errors influence an output.

    Notes
    -----
    Cost O(E). Source: as `influence`, "evaluating graphs".

    Examples
    --------
    >>> from netsculpt.graph.attribution import planted_supernodes
    >>> graph, _ = planted_supernodes(errors=False, rng=0)
    >>> attribution_scores(graph)
    AttributionScores(replacement=1.0, completeness=1.0)
    """
    errors = of_type(graph, ERROR, "attribution_scores")
    tokens = of_type(graph, EMBEDDING, "attribution_scores")
    found = influence(graph, output_weights) if measured is None else measured
    from_tokens, from_errors = found.units[tokens].sum(), found.units[errors].sum()
    if from_tokens + from_errors == 0:
        raise GraphError("no token and no error influences a logit: is the graph cut off?")
    targets = graph.weights.indices
    of_errors = np.where(errors[graph.sources], found.shares, 0.0)
    explained = 1 - np.bincount(targets, of_errors, minlength=graph.n_units)
    weight = found.units + found.output_weights
    return AttributionScores(
        float(from_tokens / (from_tokens + from_errors)),
        float((explained * weight).sum() / weight.sum()),
    )
