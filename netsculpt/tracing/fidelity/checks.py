"""Compare a graph with the net that it was traced from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.example import Example
from netsculpt.tracing.export import exported
from netsculpt.tracing.fidelity.bench import Bench, Check, Outcome
from netsculpt.tracing.fidelity.embedding import EMBEDDINGS, embedding_error, rebuilt_embedding
from netsculpt.tracing.fidelity.match import options_of, require_same_edges
from netsculpt.tracing.fidelity.outputs import compare_outputs
from netsculpt.tracing.fidelity.products import checked_product, rebuilt
from netsculpt.tracing.fidelity.run import Numbers
from netsculpt.tracing.fidelity.wiring import checked_wiring, error_of_output, unscaled
from netsculpt.tracing.follow import followed
from netsculpt.tracing.program import Op
from netsculpt.tracing.rewriting import rewritten

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fidelity", "LayerFidelity", "fidelity"]


@dataclass(frozen=True)
class LayerFidelity:
    """The check of the edges into one layer, through one parameter."""

    layer: str
    parameter: str | None  # None: wiring
    check: Check
    error: float | None  # 0 … 1; None if not checked
    reason: str  # why it was not checked


@dataclass(frozen=True)
class Fidelity:
    """How far a graph is from its net."""

    layers: tuple[LayerFidelity, ...]  # in the graph's order, one per layer and parameter
    output_difference: float  # largest |rebuilt − the net's| over all outputs
    output_scale: float  # largest |output| of the net
    compared_on: str = "random inputs"  # or "the example", where others take another branch

    @property
    def output_error(self) -> float:
        """The difference of the outputs, relative to their scale."""
        if not self.output_scale:
            return float("inf") if self.output_difference else 0.0
        return self.output_difference / self.output_scale

    @property
    def max_error(self) -> float:
        """The largest error, including that of the outputs."""
        return max([self.output_error, *(x.error for x in self.layers if x.error is not None)])

    def table(self) -> pd.DataFrame:
        """One row per layer and parameter, in the graph's order."""
        import pandas as pd

        return pd.DataFrame([asdict(x) for x in self.layers])

    def summary(self) -> dict[str, Any]:
        """Plain values that fit in JSON."""
        counts = Counter(x.check for x in self.layers)
        return {
            "max_error": self.max_error,
            "output_error": self.output_error,
            "compared_on": self.compared_on,
            "n_checked": len(self.layers) - counts["not checked"],
            "n_not_checked": counts["not checked"],
            "layers": [asdict(x) for x in self.layers],
        }


def fidelity(
    net: nn.Module,
    graph: NetGraph,
    example: Tensor | Sequence[Any] | Mapping[str, Any],
    *,
    rng: RNG = None,
) -> Fidelity:
    r"""Compare a graph with the net that it was traced from.

    The net is exported and followed again. Then each layer's edges, with their weights in `graph`,
    are compared with the operation that the net runs there, and the net's outputs are rebuilt from
    the graph.

    - "values": every edge is one scalar. With random values :math:`v_i` of units, the value of the
      operation without its bias must be :math:`z_j = \sum_i w_{ij} v_i / f_j`, where :math:`f_j` is
      the measured factor by which norms and numbers multiply unit j. Sums of activations are
      checked in the same way.
    - "path sums": there are several scalars behind an edge. The operation is run with magnitudes
      :math:`|k|` (:math:`k^2` for "l2", signed :math:`k` for "sum"), a convolution with stride 1 on
      channels that are the same everywhere, which makes padding circular. Each position of channel
      j must get :math:`\sum_i w_{ij} v_i / |f_j|` (:math:`w_{ij}^2` for "l2").
    - "sources": where activations are multiplied or compared, each unit must have an edge from
      each unit that meets in it.
    - "not checked": for the reason given; it says nothing for or against the layer.

    Parameters
    ----------
    net
        The net. It is run in evaluation mode, and left as it was.
    graph
        The result of `netsculpt.trace`; weights may have been changed since.
    example
        As for `netsculpt.trace`: inputs of its shapes and types are drawn at random.
    rng
        Seed or generator of the inputs and of the values of units.

    Returns
    -------
    Fidelity
        The error of a layer is that of its worst unit, :math:`|z_j - \hat z_j|` as a share of
        :math:`\sum_i |w_{ij} v_i| + |z_j|`: 0 … 1. That of the outputs is over the largest output,
        and the sum of two differences: between forward passes in float64 with the graph's edges and
        with the net's weights (in "values" layers; other layers run as they are), and between the
        exported operations and `net` in the net's own types. So what the net loses by rounding or
        underflow does not count. The graph's weights are rounded to float32 unless the net's are
        float64: errors of about 1e-7 are rounding. If the net branches on values, inputs that take
        the traced branch are drawn; where random ones do not, `compared_on` is "the example".

    Raises
    ------
    GraphError
        If the graph was not traced, or its layers, blocks or edges are not this net's.
    TopologyError
        If the net cannot be traced.

    Notes
    -----
    Cost: a trace, four forward passes (more if the net branches on values) and O(E). Memory: about
    40 bytes per edge.

    Examples
    --------
    >>> import torch
    >>> from netsculpt.tracing import trace
    >>> net = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    >>> graph = trace(net, torch.zeros(1, 8))
    >>> result = fidelity(net, graph, torch.zeros(1, 8), rng=0)
    >>> result.max_error < 1e-5
    True
    >>> [(x.layer, x.check) for x in result.layers]
    [('0', 'values'), ('3', 'values')]
    """
    options, seed = options_of(graph), root_seed(rng)
    examples = Example.of(net, example)
    program = rewritten(exported(net, examples))
    builder, shadows = followed(program, options)
    require_same_edges(graph, builder.graph())
    values = stream(seed, "values").uniform(0.5, 1.5, graph.n_units)
    values *= stream(seed, "signs").choice([-1.0, 1.0], graph.n_units)
    bench = Bench(graph, program, shadows, builder, values)
    layers = tuple(_checked(bench))
    named = {x.layer for x in layers if x.check == "values" and x.parameter is not None}
    by_values = {  # where every edge is one scalar of one weight
        op.output: layer
        for layer, op in bench.made_by.items()
        if builder.layers[layer].name in named
    }

    def instead(op: Op, numbers: Numbers, value: Any) -> Any:
        layer = by_values.get(op.output)
        if layer is None or op.name == "embedding_bag":
            return value
        by_graph = rebuilt_embedding if op.name == "embedding" else rebuilt
        return by_graph(bench, op, layer, numbers, value)

    compared = compare_outputs(net, bench, examples, instead, stream(seed, "inputs"))
    return Fidelity(layers, *compared)


def _checked(bench: Bench) -> Iterator[LayerFidelity]:
    for index, layer in enumerate(bench.builder.layers):
        if index not in bench.builder.edges:
            largest = unscaled(bench, index)
            if largest > 1e-9:  # a factor that its leaving edges lack
                yield LayerFidelity(layer.name, None, "values", largest, "")
            continue
        outcome = _outcome(bench, index)
        for parameter in dict.fromkeys(x.parameter for x in bench.arriving(index)):
            yield LayerFidelity(layer.name, parameter, **vars(outcome))


def _outcome(bench: Bench, layer: int) -> Outcome:
    op = bench.made_by.get(layer)
    if op is None and bench.builder.layers[layer].role == "output":
        return Outcome("values", error_of_output(bench, layer))
    if op is None:
        return Outcome.skipped("no operation has its units alone")
    if bench.is_wiring(layer):
        return checked_wiring(bench, op, layer)
    if op.name not in EMBEDDINGS:
        return checked_product(bench, op, layer)
    if bench.builder.options.granularity == "spatial":
        return Outcome.skipped("each position has its own tokens")
    return Outcome("values", embedding_error(bench, op, layer))
