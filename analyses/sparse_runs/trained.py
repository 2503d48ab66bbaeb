"""One cell: a net trained by a method, what happened to its masks, and the network at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.random import stream
from netsculpt.nets.families import MLP, initial_net
from netsculpt.training import dynamic as methods
from netsculpt.training.dynamic.phases import boundaries, phases_of, scaled
from netsculpt.training.dynamic.record import Record, Recorder, read_record
from netsculpt.training.dynamic.trajectory import (
    degree_spreads,
    mask_trajectory,
    network_trajectory,
    survival,
)
from netsculpt.training.fitting.batches import batches_of
from netsculpt.training.fitting.loop import fit
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.pruning.phew import phew
from netsculpt.training.pruning.prune import prune
from netsculpt.training.pruning.sparse_net import sparse_net
from netsculpt.training.tasks import Task, task
from sparse_runs.cells import UNTIL, Cell

__all__ = ["MEASURES", "trained"]

Row = dict[str, Any]

_AT = (0.25, 0.5, 0.75)  # of the updates: where modules are compared with those at the end
_DENSEST = 0.25  # networks with more weights have no modules to follow

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "ever_active": "weights that were kept at some time, fraction",
        "turnover": "kept weights that an update exchanges, mean fraction",
        "of_first": "weights of the first mask that are kept at the end, fraction",
        "regrown_and_kept": "weights kept at the end that were dropped before, fraction",
        "grown_stay": "grown weights that outlive the next update, fraction",
        "live_hidden": "hidden units on an input→output path, fraction",
        "live_edges": "edges on a path, fraction",
        "log10_paths": "paths of kept scalar weights, decimal logarithm; NaN if there is none",
        "fan_in": "dispersion of fan-in, mean over layers; 1 = random masks, above: hubs",
        "fan_out": "dispersion of fan-out, mean over layers",
        "input_fan_out": "dispersion of the fan-out of the inputs",
        "modularity": "Q of the modules found in the pattern",
        "delta": "Q minus that of networks with the same degrees",
        "settled": "AMI of the modules half-way through the updates and at the end",
        "ami_rerun": "AMI of two runs of the detector at the end: the ceiling of `settled`",
    }
)


def trained(cell: Cell) -> dict[str, list[Row]]:
    """A row of "nets", and rows of "updates" and "points" for the methods that have any."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    seed, recipe = cell.seed, _recipe(cell)
    samples = task(cell.setup.task, rng=stream(seed, "samples"))
    net = initial_net(cell.setup.spec, rng=stream(seed, "weights"))
    training = stream(seed, "training")
    if cell.choice.kind == "dense":
        last = fit(net, samples, recipe, rng=training).history[-1]
        whole = {"density": 1.0, "accuracy": last.accuracy, "loss": last.loss}
        return {"nets": [{**cell.about, **whole}]}
    start = _pruned_first(cell, net, samples)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "masks.record"
        sparsify = partial(_recorded, cell, samples, recipe, path)
        last = fit(start, samples, recipe, sparsifier=sparsify, rng=training).history[-1]
        record = read_record(path)
        updates = mask_trajectory(record).table()
        row, points = _measured(cell, record, start, samples.inputs[:1])
    about = {**cell.about, "density": last.density, "accuracy": last.accuracy, "loss": last.loss}
    kept = updates[["update", "step", "density", "ever_active", "turnover", "of_first", "of_last"]]
    return {
        "nets": [{**about, **row}],
        "updates": [{**cell.about, **x} for x in kept.to_dict("records")],
        "points": [{**cell.about, **x} for x in points],
    }


def _recipe(cell: Cell) -> Recipe:
    recipe = cell.setup.recipe
    epochs = cell.epochs or recipe.epochs
    return replace(recipe, epochs=epochs, warmup=min(recipe.warmup, epochs - 1))


def _pruned_first(cell: Cell, net: nn.Module, samples: Task) -> nn.Module:
    """The net with the masks of a method that prunes before training; else as it is."""
    first = cell.choice.first
    if first == "random":
        return net
    rng = stream(cell.seed, "masks")
    batches = batches_of(samples, n_samples=64, rng=rng)
    if first == "phew":
        pruned = phew(net, batches.example, cell.density, rng=rng)
    else:
        pruned = prune(net, method=first, density=cell.density, batches=batches, rng=rng)
    return sparse_net(net, pruned).net


def _recorded(
    cell: Cell, samples: Task, recipe: Recipe, path: Path, net: nn.Module
) -> methods.Sparsifier:
    """The method of a cell, with everything that it does written down."""
    per_epoch = -(-samples.n_samples // recipe.batch_size)
    density, rng, kind = cell.density, stream(cell.seed, "masks"), cell.choice.kind
    if kind in ("static", "pruned first"):
        given = density if kind == "static" else None
        sparsifier = methods.static(net, density=given, rng=rng)
    elif kind == "phases":
        steps = boundaries(phases_of(scaled(recipe.epochs)), per_epoch)
        sparsifier = methods.ac_dc(net, density=density, phases=steps, rng=rng)
    else:
        end = int(UNTIL * recipe.epochs * per_epoch)
        every = min(cell.setup.every, max(end // 4, 1))
        end -= end % every  # so that the last update is at the end
        make = getattr(methods, cell.method)
        if cell.method == "cht" and not isinstance(cell.setup.spec, MLP):
            make = partial(make, chains=())  # dead ends are removed in perceptrons only
        sparsifier = make(net, density=density, end=end, every=every, rng=rng)
    Recorder(sparsifier, path)
    return sparsifier


def _measured(cell: Cell, record: Record, net: nn.Module, example: Tensor) -> tuple[Row, list[Row]]:
    """Measures of the trajectory and of the network at the end; the network on the way."""
    followed, stayed = mask_trajectory(record), survival(record)
    last = record.n_updates
    on_the_way = [round(x * last) for x in _AT]
    numbers = [n for n in on_the_way if 0 < n < last and followed.density[n] <= _DENSEST]
    rng = stream(cell.seed, "modules")
    way = network_trajectory(record, net, example, [*numbers, last], n_nulls=0, rng=rng)
    (end,) = network_trajectory(
        record, net, example, [last], n_nulls=cell.n_nulls, rng=stream(cell.seed, "modules")
    ).points
    spreads = degree_spreads(record.masks())
    by_end = {
        which: [x.dispersion for x in spreads if x.end == which] for which in ("fan-in", "fan-out")
    }
    settled = [x.ami_last for x in way.points if x.update == round(0.5 * last) < last]
    row = {
        "updates": last,
        "ever_active": followed.ever_active[-1],
        "turnover": followed.turnover[1:].mean() if last else 0.0,
        "of_first": followed.of_first[-1],
        "regrown_and_kept": followed.regrown_and_kept,
        "grown_stay": stayed.grown[1] if stayed.n_grown and last else np.nan,
        "live_hidden": end.live_hidden,
        "live_edges": end.live_edges,
        "log10_paths": end.log10_paths if np.isfinite(end.log10_paths) else np.nan,
        "fan_in": np.nanmean(by_end["fan-in"]),
        "fan_out": np.nanmean(by_end["fan-out"]),
        "input_fan_out": by_end["fan-out"][0],
        "modularity": end.quality,
        "delta": end.delta,
        "p": end.p,
        "n_modules": end.n_modules,
        "settled": settled[0] if settled else np.nan,
        "ami_rerun": end.ami_rerun,
    }
    kept = ("update", "step", "density", "quality", "n_modules", "ami_rerun", "ami_last")
    points = [{name: getattr(point, name) for name in kept} for point in way.points]
    return {name: float(x) for name, x in row.items()}, points
