"""How truly a graph stands for the net that it was traced from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.export import evaluating, exported
from netsculpt.tracing.fidelity.bench import Bench
from netsculpt.tracing.fidelity.embedding import (
    EMBEDDINGS,
    checked_embedding,
    rebuilt_embedding,
)
from netsculpt.tracing.fidelity.match import plan_of, require_same_edges
from netsculpt.tracing.fidelity.products import checked_product, rebuilt
from netsculpt.tracing.fidelity.run import Numbers, outputs
from netsculpt.tracing.fidelity.wiring import checked_wiring, unscaled
from netsculpt.tracing.follow import followed
from netsculpt.tracing.program import Op

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Checked", "Fidelity", "fidelity"]

Check = Literal["values", "path sums", "sources", "not checked"]


@dataclass(frozen=True)
class Checked:
    """What was found of the edges into one layer."""

    layer: str
    parameter: str | None  # None: wiring
    check: Check
    error: float | None  # 0 … 1; None where nothing was checked
    reason: str  # why nothing was checked


@dataclass(frozen=True)
class Fidelity:
    """How far a graph is from its net."""

    layers: tuple[Checked, ...]  # in the graph's order; of each parameter that feeds a layer
    output_difference: float  # largest |rebuilt − the net's own| over all outputs
    output_scale: float  # largest |output| of the net

    @property
    def output_error(self) -> float:
        """The difference of the outputs as a share of their scale."""
        if not self.output_scale:
            return float("inf") if self.output_difference else 0.0
        return self.output_difference / self.output_scale

    @property
    def max_error(self) -> float:
        """The largest error of all, that of the outputs included."""
        return max([self.output_error, *(x.error for x in self.layers if x.error is not None)])

    def table(self) -> pd.DataFrame:
        """One row a layer and parameter, in the graph's order."""
        import pandas as pd

        return pd.DataFrame([asdict(x) for x in self.layers])

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        counts = Counter(x.check for x in self.layers)
        return {
            "max_error": self.max_error,
            "output_error": self.output_error,
            "n_checked": len(self.layers) - counts["not checked"],
            "n_not_checked": counts["not checked"],
            "layers": [asdict(x) for x in self.layers],
        }


def fidelity(
    module: nn.Module,
    graph: NetGraph,
    example: Tensor | tuple[Tensor, ...],
    *,
    rng: RNG = None,
) -> Fidelity:
    r"""Hold a graph against the net that it was traced from.

    The net is exported and followed again. Then each layer's edges, with the weights that `graph`
    gives them, are held against the operation that the net runs there, and the net's outputs are
    rebuilt from the graph.

    - "values": every edge stands for one scalar. With random values :math:`v_i` of units, what the
      operation gives without its bias must be :math:`z_j = \sum_i w_{ij} v_i / f_j`, where
      :math:`f_j` is what norms and numbers were measured to multiply unit j by. Sums of
      activations are checked so too.
    - "path sums": several scalars stand behind an edge. The operation is run with magnitudes
      :math:`|k|` (with :math:`k^2` for "l2"; as they are for "sum"), a convolution with stride 1 on
      channels that are the same everywhere, which makes padding circular. What arrives at each
      position of channel j must be :math:`\sum_i w_{ij} v_i / |f_j|` (:math:`w_{ij}^2` for "l2").
    - "sources": where activations are multiplied or compared, each unit must have an edge from
      each unit that meets in it.
    - "not checked": the reason is given; it says nothing for or against the layer.

    Parameters
    ----------
    module
        The net. It is run in evaluation mode, and left as it was.
    graph
        What `netsculpt.trace` gave for it; weights may have been changed since.
    example
        As for `netsculpt.trace`: inputs of its shapes and types are drawn at random.
    rng
        Seed or generator of the inputs and of the values of units.

    Returns
    -------
    Fidelity
        The error of a layer is that of its worst unit, :math:`|z_j - \hat z_j|` as a share of
        :math:`\sum_i |w_{ij} v_i| + |z_j|`: 0 … 1. That of the outputs is the largest difference
        between `module` and a forward pass with the graph's edges in the place of its weights
        ("values"; other layers run as they are), over the largest output. All is computed in
        float64; the graph's weights are rounded to float32 unless the net's are float64, and
        `module` runs in its own type: errors of some 1e-7 in layers, 1e-6 in outputs are rounding.

    Raises
    ------
    GraphError
        If the graph was not traced, or its layers, blocks or edges are not this net's.
    TopologyError
        If the net cannot be traced.

    Notes
    -----
    Cost: a trace, three forward passes and O(E). Memory: some 40 bytes an edge.

    Examples
    --------
    >>> from netsculpt.tracing import trace
    >>> net = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    >>> graph = trace(net, torch.zeros(1, 8))
    >>> found = fidelity(net, graph, torch.zeros(1, 8), rng=0)
    >>> found.max_error < 1e-5
    True
    >>> [(x.layer, x.check) for x in found.layers]
    [('0', 'values'), ('3', 'values')]
    """
    plan, seed = plan_of(graph), root_seed(rng)
    examples = (example,) if isinstance(example, Tensor) else tuple(example)
    program = exported(module, examples)
    build, shadows = followed(program, plan)
    require_same_edges(graph, build.graph())
    values = stream(seed, "values").uniform(0.5, 1.5, graph.n_units)
    values *= stream(seed, "signs").choice([-1.0, 1.0], graph.n_units)
    bench = Bench(graph, program, shadows, build, values)
    made = bench.made_by
    layers = tuple(_checked(bench, made))
    by_values = {made[at].output: at for at in _rebuildable(bench, layers, made)}

    def instead(op: Op, of: Numbers, own: Any) -> Any:
        at = by_values.get(op.output)
        if at is None or op.name == "embedding_bag":
            return own
        by_graph = rebuilt_embedding if op.name == "embedding" else rebuilt
        return by_graph(bench, op, at, of, own)

    inputs = _inputs(bench, examples, stream(seed, "inputs"))
    with torch.no_grad():
        named = dict(zip(program.inputs, inputs, strict=True))
        found = outputs(program, shadows, named, instead)
        wanted = _own_outputs(module, inputs)
    apart = [
        float(torch.where(x == y, 0.0, (x - y).abs()).nan_to_num(nan=torch.inf).max())
        for x, y in zip(found, wanted, strict=True)
    ]
    return Fidelity(layers, max(apart), max(float(y.abs().max()) for y in wanted))


def _checked(bench: Bench, made: dict[int, Op]) -> Iterator[Checked]:
    for at, layer in enumerate(bench.build.layers):
        name, op = layer.name, made.get(at)
        if at not in bench.build.edges:
            if unscaled(bench, at) > 1e-9:  # a factor that its leaving edges lack
                yield Checked(name, None, "values", unscaled(bench, at), "")
            continue
        parameters = list(dict.fromkeys(x.parameter for x in bench.arriving(at)))
        if bench.is_wiring(at):
            check, found, reason = checked_wiring(bench, op, at)
        elif op is None:
            check, found, reason = "not checked", None, "no operation gives its units alone"
        elif op.name in EMBEDDINGS and bench.build.plan.granularity == "spatial":
            check, found, reason = "not checked", None, "each position has tokens of its own"
        elif op.name in EMBEDDINGS:
            check, found, reason = "values", checked_embedding(bench, op, at), ""
        else:
            check, found, reason = checked_product(bench, op, at)
        for parameter in parameters:
            yield Checked(name, parameter, check, found, reason)  # type: ignore[arg-type]


def _rebuildable(bench: Bench, layers: tuple[Checked, ...], made: dict[int, Op]) -> list[int]:
    """Layers of which every edge stands for one scalar of one weight."""
    names = {x.layer for x in layers if x.check == "values" and x.parameter is not None}
    return [at for at in made if bench.build.layers[at].name in names]


def _inputs(
    bench: Bench, examples: tuple[Tensor, ...], rng: np.random.Generator
) -> tuple[Tensor, ...]:
    """Normal numbers; tokens where an embedding takes them; else whole numbers 0 and 1."""
    drawn = []
    for name, example in zip(bench.program.inputs, examples, strict=True):
        units = bench.shadows[name].units
        found: Any
        if example.is_floating_point():
            found = rng.standard_normal(tuple(example.shape))
        else:
            count = np.full(units.shape, 2)
            for number, layer in bench.build.tokens.items():
                count[units == number] = layer.n_units
            found = rng.integers(count)
        drawn.append(torch.from_numpy(found).to(example))
    return tuple(drawn)


def _own_outputs(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    with evaluating(module):
        given = torch.utils._pytree.tree_leaves(module(*inputs))
    return [x.detach().cpu().double() for x in given if isinstance(x, Tensor)]
