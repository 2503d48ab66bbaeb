"""A live net as a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.export import exported
from netsculpt.tracing.follow import followed
from netsculpt.tracing.options import EdgeNorm, Granularity, Norms, TraceOptions
from netsculpt.tracing.program import Program

__all__ = ["graph_of", "trace"]


def trace(
    net: nn.Module,
    example: Tensor | Sequence[Any] | Mapping[str, Any],
    *,
    edge_norm: EdgeNorm = "l1",
    fold_norms: bool = True,
    norms: Norms = "scale",
    granularity: Granularity = "channel",
    unroll: int = 1,
    max_edges: int = 100_000_000,
) -> NetGraph:
    r"""Build the graph of a live PyTorch net, as it evaluates.

    Units are those of linear layers and the channels of convolutions. Inputs of a convolution are
    channels too; other inputs are elements. Where there are several scalars behind an edge from
    unit i to unit j (the taps :math:`t` of a kernel, the columns that a flattened channel feeds),
    its weight is their norm, :math:`w_{ij} = \sum_t |k_{jit}|` for "l1".

    Parameters
    ----------
    net
        The net. It is run once on `example`, in evaluation mode, and left as it was.
    example
        An input, batch first; a tuple of inputs; or a dictionary of them by the names that the
        net's forward has. Inputs may be tuples, lists and dictionaries of tensors, and plain values
        such as False are passed on. Only shapes and types matter. If the net branches on
        values, the path that it takes on this example is followed, and the step "trace" of the
        provenance says "one path observed". torch 2.10 refuses such nets; 2.11 does not.
    edge_norm
        "l1", "l2", or "sum" (signed): the norm of the kept scalars behind an edge of a
        convolution or a flattened channel. The weight of any other edge is its scalar, signed.
    fold_norms
        Whether batch norm's γ/√(σ²+ε), and γ of layer, group and RMS norm, multiply edges: those
        into the unit if it is a weighted sum that nothing else takes, otherwise those out of it.
        If False, these factors are ignored. Where γ is 0 the output is always β: such an element
        has no unit for what takes it, so that a unit without any other way out is dead (see
        `NetGraph.live`); the step "trace" of the provenance counts them as "constant_units". Kept
        weights that multiply nothing but constants, as those by which it is taken, are neither
        edges nor parameters; "constant_weights" counts them by layer.
    norms
        What layer, group, instance and RMS norm are, and whatever computes the same: x, after a
        statistic of itself may have been subtracted, times another one, written with mean, var,
        rsqrt, vector_norm, … "scale": the factor γ of each unit; the statistics, which couple all
        units that are normalised together, make no edges, nor does a softmax, native or written by
        hand, whose values are outputs of the net and taken nowhere else. "dense": the statistics
        are a junction unit, fed by those units, and each of them meets it in a junction.
    granularity
        "channel": the positions of a channel are one unit. "spatial": every element is a unit, and
        a kernel is repeated at every position: the weight of an edge is its scalar, whatever
        `edge_norm` is. Pooled elements are junctions, wired from their windows: with weight 1 for
        a maximum, otherwise with the share of each element.
    unroll
        Steps of recurrent layers: 1, from what all positions of the sequence share and a state
        layer without inputs; or as many steps as the sequence has positions.
    max_edges
        More edges are refused before they are made. Edges of matrices take the 8 bytes that they
        have in the graph (12 with float64 weights); others up to 40 (50) while it is made: less
        than 6 GiB with the default.

    Returns
    -------
    NetGraph
        Masks decide which edges exist: those of `torch.nn.utils.prune`, of
        `netsculpt.nets.masks`, and 0/1 buffers that multiply a weight. Kept weights may be 0.
        Without a mask the nonzero entries are the edges. Sums and products of activations are
        junction layers, with edges of kind "wiring". A layer called twice becomes two layers,
        whose blocks name the same parameter; its scalars count once in `n_parameters` and
        `density`, those of buffers not at all; a weight that is computed from others, as a product
        of two is, counts by its own entries. Taps of a kernel that only ever meet padding are
        neither edges nor parameters; "unread_taps" in the provenance counts them by layer. Where a
        weight multiplies rows of different units, as in an MLP-Mixer, its layer has a copy of its
        outputs for each. A product takes nothing from a factor where the other one is always 0, as
        no edge and no bias arrives there: its unit has no edges. Attention has one pattern
        unit per head, fed by its queries and keys, that feeds the head's channels together with
        its values. The step "trace" of the provenance lists such layers as "input_dependent", and
        says which norms were folded, and where. Where a factor differs between the positions of a
        unit, as in rotary embeddings, its edges have weight 1 and are listed as "input_dependent"
        too; with "spatial" they have the factors. "left_out" lists operations that make no edges:
        masks of padding, random numbers, and the choice of which elements are the largest. Where
        the net returns a dictionary, "outputs" names the layer of each key.

    Raises
    ------
    TopologyError
        If `torch.export` cannot follow the net, or no rule handles one of its operations; the
        error names the operation and the layer.
    GraphError
        If an argument is invalid, does not fit the net's forward, or a kept weight is not finite.
    LimitError
        If the graph would have more than `max_edges` edges.

    Notes
    -----
    Cost O(parameters + E log E + elements of all activations). Biases are not edges.

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
    options = TraceOptions(edge_norm, fold_norms, norms, granularity, unroll, max_edges)
    return graph_of(exported(net, example), options, net=type(net).__name__)


def graph_of(program: Program, options: TraceOptions, **details: Any) -> NetGraph:
    """The graph of a program, with `details` in the step "trace" of its provenance."""
    builder, _ = followed(program, options)
    if builder.input_dependent:
        details["input_dependent"] = builder.input_dependent
    if builder.left_out:
        details["left_out"] = builder.left_out
    constant = builder.n_constant()
    if constant:
        details["constant_units"] = constant
    if builder.constant_weights:
        details["constant_weights"] = builder.constant_weights
    if builder.outputs:
        details["outputs"] = builder.outputs
    if builder.unread_taps:
        details["unread_taps"] = builder.unread_taps
    if program.one_path:
        details["branches"] = "one path observed"
    return builder.graph(**details, factors=builder.factors)
