"""A live net as a graph."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.export import exported
from netsculpt.tracing.follow import walked
from netsculpt.tracing.plan import EdgeNorm, Granularity, Plan
from netsculpt.tracing.program import Program

__all__ = ["graph_of", "trace"]


def trace(
    module: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    *,
    edge_norm: EdgeNorm = "l1",
    fold_norms: bool = True,
    granularity: Granularity = "channel",
    unroll: int = 1,
    max_edges: int = 100_000_000,
) -> NetGraph:
    r"""Build the graph of a live PyTorch net, as it evaluates.

    Units are those of linear layers and the channels of convolutions; inputs that a convolution
    takes are channels too, others are elements. Where several scalars lie behind an edge from unit
    i to unit j (the taps :math:`t` of a kernel, the columns that a flattened channel feeds) it
    weighs their norm, :math:`w_{ij} = \sum_t |k_{jit}|` for "l1".

    Parameters
    ----------
    module
        The net. It is run once on `example`, in evaluation mode, and left as it was.
    example
        An input, or a tuple of them: batch first; only shapes matter. Of a net that branches on
        values the path is followed that it takes with these; the step "trace" of the provenance
        then says "one path observed".
    edge_norm
        "l1", "l2", or "sum" for the signed sum, of the kept scalars behind an edge of a
        convolution or a flattened channel. Other edges weigh what their scalar is, signed.
    fold_norms
        Whether batch norm's γ/√(σ²+ε), and γ of layer, group and RMS norm, multiply edges: those
        that arrive at the unit if it is a weighted sum that nothing else takes, else those that
        leave it. Otherwise norms are passed over.
    granularity
        "channel": positions of a channel are one unit. "spatial": every element is a unit, and a
        kernel is repeated at every position: edges weigh their scalars, whatever `edge_norm` is,
        and a weight's size counts a scalar wherever its tap lies on no padding. Pooled elements
        are junctions, wired from their windows: by 1 for a maximum, else by their shares.
    unroll
        Steps of recurrent layers: 1, from what all positions of the sequence hold and a state that
        nothing feeds; or as many as the sequence has positions.
    max_edges
        More edges than this are refused before they are made. An edge takes up to 40 bytes while
        the graph is made (50 with float64 weights): the default takes less than 6 GiB.

    Returns
    -------
    NetGraph
        Masks decide which edges exist: those of `torch.nn.utils.prune`, of
        `netsculpt.nets.masks`, and 0/1 buffers by which a weight is multiplied. Kept weights
        may be 0. Without a mask the nonzero entries are the edges. Sums and products of
        activations are junction layers, with edges of kind "wiring". A layer called twice gives
        two layers, whose blocks name the same parameter. Where the rows that a weight is put on
        hold different units, as in an MLP-Mixer, its layer has a copy of its outputs for each.
        Attention has a pattern unit a head, fed by its queries and keys, that feeds the head's
        channels beside its values. The step "trace" of the provenance names such layers, as
        "input_dependent", and says which norms were folded, and where.

    Raises
    ------
    TopologyError
        If `torch.export` cannot follow the net, or it has an operation that no rule knows; the
        error names the operation and the layer.
    GraphError
        If an argument is none of those above, or a kept weight is not finite.
    LimitError
        If the graph would have more than `max_edges` edges.

    Notes
    -----
    Cost O(parameters + E log E + elements of all activations). Biases are no edges.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    >>> graph = trace(net, torch.zeros(1, 3, 8, 8))
    >>> graph
    NetGraph(3-8-10: 21 units, 104 edges)
    >>> graph.n_parameters
    3096
    """
    plan = Plan(edge_norm, fold_norms, granularity, unroll, max_edges)
    inputs = (example,) if isinstance(example, Tensor) else tuple(example)
    for given in inputs:
        if not isinstance(given, Tensor) or given.ndim < 2 or not given.numel():
            found = list(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise GraphError(
                f"example is {found}: a tensor whose first dimension is the batch is needed; "
                "example.unsqueeze(0) makes a batch of one"
            )
    return graph_of(exported(module, inputs), plan, net=type(module).__name__)


def graph_of(program: Program, plan: Plan, **said: Any) -> NetGraph:
    """The graph of a program; `said` joins the step "trace" of its provenance."""
    build = walked(program, plan)
    if build.input_dependent:
        said["input_dependent"] = build.input_dependent
    if program.one_path:
        said["branches"] = "one path observed"
    return build.graph(**said, factors=build.factors)
