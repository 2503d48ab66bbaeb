"""The network that the masks make: live units, paths and modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.nets.copies import copy_of
from netsculpt.nets.families import net_from_spec
from netsculpt.nets.masks import mask_net, masks_of, net_from_model
from netsculpt.paths.path_total import log10_path_total
from netsculpt.tracing.trace import trace
from netsculpt.training.dynamic.record.reading import Record
from netsculpt.training.track import TrackPoint, follow

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.files.model import Model

__all__ = ["NetworkPoint", "NetworkTrajectory", "model_graphs", "network_trajectory"]
__all__ += ["record_graphs"]


@dataclass(frozen=True)
class NetworkPoint:
    """The network after one update; of its pattern alone, whatever the weights."""

    update: int
    step: int  # optimizer steps done
    density: float  # share of the recorded weights that is kept
    live_hidden: float  # share of the hidden units on an input→output path; NaN without any
    live_edges: float  # share of the edges on such a path
    log10_paths: float  # decimal logarithm of their number; −∞ if there is none
    n_modules: int  # of any size, as in `netsculpt.analyze`
    quality: float  # layer-aware modularity Q of the modules found
    delta: float  # Q minus its mean over networks with the same degrees; NaN if not tested
    z: float  # the same in standard deviations
    p: float  # share of such networks that are as modular, never 0
    ami_rerun: float  # modules found with another seed, AMI: what the others are to be read by
    ami_before: float  # modules at the point before; NaN at the first
    ami_last: float  # modules at the last point


@dataclass(frozen=True, eq=False)
class NetworkTrajectory:
    """The network after chosen updates."""

    points: tuple[NetworkPoint, ...]
    modules: tuple[Partition, ...]  # of each point

    def table(self) -> pd.DataFrame:
        """One row per point."""
        import pandas as pd

        return pd.DataFrame([asdict(point) for point in self.points])

    def summary(self) -> dict[str, Any]:
        """The last point as plain numbers, JSON-able: what is not a number is None."""
        last = asdict(self.points[-1])
        return {name: x if np.isfinite(x) else None for name, x in last.items()}


def network_trajectory(
    record: Record,
    net: nn.Module,
    example: Tensor,
    numbers: Sequence[int],
    *,
    n_nulls: int = 19,
    rng: RNG = None,
    progress: Callable[[int, int], None] | None = None,
) -> NetworkTrajectory:
    """Follow the network through updates of its masks.

    Parameters
    ----------
    record
        Masks; weights that it does not have are as the net has them.
    net
        The net that was trained, or one like it; not changed, and its weights do not matter.
    example
        An input, batch first: only its shape and type matter.
    numbers
        Updates to look at; 0: before training, −1: at the end.
    n_nulls
        Networks with the same degrees that Q is compared with; 0: none. A dense net has no others.
    rng
        Seed or generator of the detector and of the null networks.
    progress
        Called after every point.

    Notes
    -----
    Each point costs a trace of the net and n_nulls + 2 runs of `netsculpt.modules.layered`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training import dynamic
    >>> from netsculpt.training.dynamic.record import Recorder, read_record
    >>> net = MLP((16, 16, 4)).build()
    >>> sparsifier = dynamic.static(net, density=0.2, rng=0)
    >>> recorder = Recorder(sparsifier, Path(tempfile.mkdtemp()) / "training.record")
    >>> record = read_record(recorder.path)
    >>> followed = network_trajectory(record, net, torch.zeros(1, 16), [0], rng=0)
    >>> followed.points[0].density, followed.points[0].p > 0.05
    (0.2, True)
    """
    indices = [n + len(record.steps) if n < 0 else n for n in numbers]
    log10_paths: list[float] = []

    def counting() -> Iterator[tuple[int, NetGraph]]:
        for place, graph in enumerate(record_graphs(record, net, example, indices)):
            log10_paths.append(_log10_paths(graph))
            yield place, graph

    def report(done: int) -> None:
        if progress:
            progress(done, len(indices))

    track = follow(counting(), form="pattern", n_nulls=n_nulls, rng=rng, progress=report)
    points = []
    shared = {x.name for x in fields(NetworkPoint)} & {x.name for x in fields(TrackPoint)}
    for index, point, n_paths in zip(indices, track.points, log10_paths, strict=True):
        kept = sum(len(x) for x in record.kept(index).values())
        of_masks = {
            "step": record.steps[index],
            "density": kept / max(record.n_weights, 1),
            "log10_paths": n_paths,
        }
        of_network = {name: getattr(point, name) for name in shared}
        points.append(NetworkPoint(index, **{**of_network, **of_masks}))
    return NetworkTrajectory(tuple(points), track.partitions)


def record_graphs(
    record: Record, net: nn.Module, example: Tensor, numbers: Iterable[int]
) -> Iterator[NetGraph]:
    """Yield the pattern of a net with the masks after updates; see `network_trajectory`."""
    copied = copy_of(net)
    for number in numbers:
        read = {name: torch.from_numpy(mask) for name, mask in record.masks(number).items()}
        mask_net(copied, {**masks_of(copied), **read})
        yield trace(copied, example).pattern


def model_graphs(record: Record, model: Model, numbers: Iterable[int]) -> Iterator[NetGraph]:
    """Yield the pattern of the net of a ``model.pt`` with the masks after updates.

    Raises
    ------
    FormatError
        If the record is of weights that the net does not have.
    """
    net = net_from_model(model)
    shapes = {name: tuple(x.shape) for name, x in net.named_parameters()}
    strange = [name for name, shape in record.shapes.items() if shapes.get(name) != tuple(shape)]
    if strange:
        raise FormatError(
            f"{record.path} is of weights {', '.join(strange)[:200]} that the net does not have "
            "with these shapes: name a model of the net that was trained"
        )
    example = torch.zeros(1, net_from_spec(model.net).n_inputs)
    yield from record_graphs(record, net, example, numbers)


def _log10_paths(graph: NetGraph) -> float:
    """Decimal logarithm of the number of paths of scalar weights."""
    scalars = np.ones(graph.n_edges) if graph.multiplicity is None else graph.multiplicity
    return log10_path_total(graph.with_weights(scalars.astype(np.float64)))
