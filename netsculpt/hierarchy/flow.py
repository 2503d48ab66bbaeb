"""How much flows from module to module, in circles or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition, labels_of
from netsculpt.hierarchy._quotient import in_form
from netsculpt.hierarchy.reach import edge_path_shares

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Flow", "flow"]

_MOST_MODULES: Final = 4096  # three matrices of 128 MB


@dataclass(frozen=True, eq=False)
class Flow:
    """What the edges between modules carry; rows feed columns, the diagonal is what stays inside.

    Unless it is of magnitudes, no matrix changes if a unit's incoming weights are multiplied and
    its outgoing ones divided by the same number.
    """

    partition: Partition  # [U] of M modules
    edges: NDArray[np.int64]  # [M, M] edges from units of the row to units of the column
    weight: NDArray[np.float64]  # [M, M] their sum; of balanced weights, 1 is an average edge
    steps_per_path: NDArray[np.float64]  # [M, M] mean number of such steps on a path; may exceed 1

    def table(self) -> pd.DataFrame:
        """One row per pair of modules with an edge, the heaviest flow first."""
        import pandas as pd

        return pd.DataFrame(self.columns())

    def columns(self) -> dict[str, Any]:
        """The columns of `table`, without pandas."""
        source, target = np.nonzero(self.edges)
        order = np.argsort(-self.weight[source, target], kind="stable")
        pairs = source[order], target[order]
        return {
            "source": pairs[0],
            "target": pairs[1],
            "edges": self.edges[pairs],
            "weight": self.weight[pairs],
            "steps_per_path": self.steps_per_path[pairs],
        }

    def summary(self) -> dict[str, Any]:
        """Plain numbers and lists, JSON-able."""
        inside, total = float(np.trace(self.weight)), float(self.weight.sum())
        return {
            "n_modules": len(self.edges),
            "inside": inside / total if total > 0 else 0.0,
            "edges": self.edges.tolist(),
            "weight": self.weight.tolist(),
            "steps_per_path": self.steps_per_path.tolist(),
        }


def flow(graph: NetGraph, partition: Partition, *, form: str = "balanced") -> Flow:
    r"""Measure what each module of a network sends to each other module, and what it keeps.

    .. math:: F_{mn} = \sum_{u \in m,\, v \in n} b_{uv}, \qquad
              P_{mn} = \sum_{u \in m,\, v \in n} \Pr[\text{path steps from } u \text{ to } v]

    b are weights in the given `form`. In balanced ones (``graph.balanced``) every unit counts by
    its degree, whatever its scale; an edge of weight 0 counts 0. Of the pattern, F is the number of
    edges. P is the mean number of steps from m to n of an input→output path drawn in proportion to
    the product of its \|weights\|: not a share, for a path may take several such steps, most often
    inside a module. Edges to and from units without a module are left out.

    Parameters
    ----------
    graph
        The network; weights enter as magnitude.
    partition
        Modules of its units [U]; −1 for none.
    form
        Form of the weights in F: "balanced", "pattern" or "magnitude". P is of the weights of
        `graph` as they are.

    Returns
    -------
    Flow
        Matrices [M, M] in the numbering of the partition.

    Raises
    ------
    GraphError
        If the partition has another number of units, the form is unknown, or the weights cannot be
        balanced where that form is asked for.
    LimitError
        If it has more than 4096 modules.

    Notes
    -----
    O(E) after balancing. F is what `netsculpt.hierarchy.ordered` tests: it adds up over edges, and
    a null model that keeps degrees says what to expect of it. P says how much it matters: a few
    edges may carry most of what a network computes.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1.0, 0.0], [1.0, 1.0]], [[3.0, 1.0]]])
    >>> measured = flow(graph, Partition([0, 1, 0, 1, 1]))
    >>> measured.edges.tolist(), measured.steps_per_path.round(2).tolist()
    ([[1, 2], [0, 2]], [[0.6, 0.8], [0.0, 0.6]])
    """
    labels = labels_of(graph, partition)
    if partition.n_modules > _MOST_MODULES:
        raise LimitError(
            f"the partition has {partition.n_modules} modules: a matrix holds at most "
            f"{_MOST_MODULES}; `ordered` lists the links that exist"
        )
    shares = graph.with_weights(edge_path_shares(graph))
    edges = _summed_by_pair(graph.pattern, labels, partition.n_modules)
    return Flow(
        partition,
        np.rint(edges).astype(np.int64),
        _summed_by_pair(in_form(graph, form), labels, partition.n_modules),
        _summed_by_pair(shares, labels, partition.n_modules),
    )


def _summed_by_pair(
    graph: NetGraph, labels: NDArray[np.int32], n_modules: int
) -> NDArray[np.float64]:
    """Weights summed over the edges from module to module [M, M]."""
    source, target = labels[graph.sources], labels[graph.weights.indices]
    inside = (source >= 0) & (target >= 0)
    pair = source[inside].astype(np.int64) * n_modules + target[inside]
    weights = graph.weights.data[inside].astype(np.float64)
    sums = np.bincount(pair, weights, n_modules**2).astype(np.float64, copy=False)
    return sums.reshape(n_modules, n_modules)
