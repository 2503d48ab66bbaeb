"""Networks of a record that says which net it is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch

from netsculpt.core.errors import FormatError, LimitError, TopologyError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.families import MLP, NetSpec, initial_net, net_from_spec
from netsculpt.nets.prunable import prunable
from netsculpt.training.dynamic.record import Record
from netsculpt.training.dynamic.trajectory import record_graphs
from netsculpt.training.track.layers import layer_points
from netsculpt.training.track.result import LayerPoint

__all__ = ["recorded_graphs", "recorded_layers", "recorded_spec"]

_MOST_CHAINS = 50  # points at which layers are counted; a perceptron takes milliseconds
_MOST_TRACED = 10  # other nets are traced at each: about a second


def recorded_spec(record: Record) -> NetSpec:
    """The net that a record is of.

    Raises
    ------
    FormatError
        If the record does not say it, or has weights that such a net does not have.
    """
    described = record.about.get("net")
    if not isinstance(described, Mapping):
        raise FormatError(
            f"{record.path} does not say which net it is of: name a model of the net, or record "
            "with the spec of the net"
        )
    spec = net_from_spec(described)
    with torch.device("meta"):  # sizes only: a file may describe a net that fits into no memory
        shapes = {name: tuple(x.shape) for name, x in prunable(spec.build()).items()}
    strange = [name for name, shape in record.shapes.items() if shapes.get(name) != tuple(shape)]
    if strange:
        raise FormatError(
            f"{record.path} is of weights {', '.join(strange)[:200]} that its own net does not "
            "have with these shapes: record again"
        )
    return spec


def recorded_graphs(record: Record, numbers: Iterable[int]) -> Iterator[NetGraph]:
    """Yield the pattern of the net with the masks after updates; 0: before the first.

    Raises
    ------
    FormatError
        As `recorded_spec`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from netsculpt.training.dynamic.record import MaskRecorder, read_record
    >>> path = Path(tempfile.mkdtemp()) / "masks.record"
    >>> masks = {"fc1.weight": np.ones((3, 2), bool), "fc2.weight": np.eye(1, 3) > 0}
    >>> recorder = MaskRecorder(path, masks, {"net": MLP((2, 3, 1)).spec})
    >>> [graph.n_edges for graph in recorded_graphs(read_record(path), [0])]
    [7]
    """
    spec = recorded_spec(record)
    if isinstance(spec, MLP):
        yield from _chains(record, spec, numbers)
    else:
        example = torch.zeros(1, spec.n_inputs)
        yield from record_graphs(record, initial_net(spec, rng=0), example, numbers)


def recorded_layers(
    record: Record, steps: Iterable[tuple[int, int]]
) -> tuple[tuple[LayerPoint, ...], str | None]:
    """Numbers of the layers at (step, update), and why there are none, if the net has no graph.

    If there are many steps they are of some, evenly spread, the first and the last among them.
    """
    every = list(steps)
    most = _MOST_CHAINS if isinstance(recorded_spec(record), MLP) else _MOST_TRACED
    places = np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int))
    chosen = [every[place] for place in places]
    points: list[LayerPoint] = []
    try:
        graphs = recorded_graphs(record, [number for _, number in chosen])
        for (step, _), graph in zip(chosen, graphs, strict=True):
            points += layer_points(step, graph)
    except (TopologyError, LimitError) as error:
        return (), str(error)
    return tuple(points), None


def _chains(record: Record, spec: MLP, numbers: Iterable[int]) -> Iterator[NetGraph]:
    """The same for perceptrons, without tracing them."""
    with torch.device("meta"):
        shapes = {name: tuple(x.shape) for name, x in prunable(spec.build()).items()}
    names = ["input", *(name.removesuffix(".weight") for name in shapes)]
    for number in numbers:
        masks = record.masks(number)
        kept = [masks.get(name, np.ones(shape, bool)) for name, shape in shapes.items()]
        ones = [np.ones(shape, np.float32) for shape in shapes.values()]
        yield from_matrices(ones, kept, names=names, parameters=list(shapes))
