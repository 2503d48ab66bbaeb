"""Trace of the path kernel."""

from __future__ import annotations

import numpy as np

from netsculpt.graph.graph import NetGraph, wiring_edges
from netsculpt.paths._scaled import Scaled, scaled
from netsculpt.paths._sweep import backward, forward
from netsculpt.paths._wide import edge_products

__all__ = ["log10_path_kernel_trace", "path_kernel_trace"]


def path_kernel_trace(graph: NetGraph) -> float:
    """Trace of the path kernel: how fast a network learns, as predicted by its paths.

    ``tr Π = Σ_e Σ_{p∋e} (v_p / θ_e)²`` with v_p the product of the weights on path p. By a sweep
    with squared weights this is ``Σ_{e=(u,v)} F²_u G²_v``: no path is enumerated and nothing is
    divided by a weight, so that kept weights of 0 count correctly. Biases form no path; paths run
    through wiring, but as it has no parameters it adds no term. An edge counts as one parameter.

    Weights enter squared, so `graph` and ``graph.magnitude`` give the same. O(E). Raises
    `LimitError` beyond float64: use `log10_path_kernel_trace`.

    Source: Patil & Dovrolis 2021 (PHEW), arXiv 2010.11354, after Gebhart et al. 2021,
    arXiv 2101.10552.

    Examples
    --------
    Two paths a→h→o, of weights 2·5 and 3·5: 5² + 5² for the first layer, 2² + 3² for the second.

    >>> import numpy as np
    >>> from netsculpt.graph.matrices import from_matrices
    >>> path_kernel_trace(from_matrices([np.array([[2.0, 3.0]]), np.array([[5.0]])]))
    63.0
    """
    return float(_trace(graph).linear("path_kernel_trace", "use log10_path_kernel_trace"))


def log10_path_kernel_trace(graph: NetGraph) -> float:
    """Decimal logarithm of `path_kernel_trace`, for networks of any depth; −inf if it is 0. O(E).

    Examples
    --------
    >>> import numpy as np
    >>> from netsculpt.graph.matrices import from_matrices
    >>> round(log10_path_kernel_trace(from_matrices([np.ones((10, 10))] * 400)), 6)
    403.60206
    """
    return float(_trace(graph).log10())


def _trace(graph: NetGraph) -> Scaled:
    parameters = ~wiring_edges(graph)
    before, after = forward(graph, squared=True), backward(graph, squared=True)
    parts = [ends[parameters[edges]].sum() for edges, ends in edge_products(graph, before, after)]
    mantissas, exponents = [part.mantissa for part in parts], [part.exponent for part in parts]
    return scaled(np.array(mantissas, dtype=np.float64), exponents).sum()
