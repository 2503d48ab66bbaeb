"""One cell: a net is trained, each of its weights is removed, and estimates are compared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.random import stream
from netsculpt.training import dynamic
from netsculpt.training.dynamic.phases import boundaries, phases_of, scaled
from netsculpt.training.fitting.loop import fit
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.importance import importance
from netsculpt.training.tasks import Task
from netsculpt.training.tasks.digits import digits
from twente_runs.cells import DENSE, Cell
from twente_runs.nets import net_of

__all__ = ["measured"]

Rows = dict[str, list[dict[str, Any]]]

N_TRAIN = 1437  # the others, 360, were written by other people


def measured(cell: Cell) -> Rows:
    """A row of "nets", and rows of "correlations", "effects" and "curves"."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    samples, settings = _digits(cell.treatment.inputs), cell.settings
    recipe = Recipe(settings.epochs, settings.batch_size, "adam", settings.learning_rate)
    start = net_of(cell)
    sparsify = None if cell.treatment.method == DENSE else partial(_sparsifier, cell, recipe)
    own = replace(samples, held_out=None)  # held-out samples choose no epoch
    fitted = fit(start, own, recipe, sparsifier=sparsify, rng=stream(cell.seed, "training"))
    recovery = None
    if settings.recovery_epochs:
        recovery = replace(recipe, epochs=settings.recovery_epochs)
    found = importance(
        fitted.net,
        samples,
        estimators=settings.estimators,
        curves_of=["magnitude"],
        start=start,
        recovery=recovery,
        n_samples=settings.n_samples,
        rng=stream(cell.seed, "importance"),
    )
    (areas,) = found.areas().to_dict("records")
    row = {
        "n_weights": found.n_weights,
        **{f"loss_{name}": x for name, x in found.losses.items()},
        **{f"accuracy_{name}": x for name, x in found.accuracies.items()},
        **{f"area_{name}": x for name, x in areas.items() if name != "estimate"},
    }
    tables = {"correlations": found.correlations(), "effects": found.effects()}
    return {
        "nets": [{**cell.about, **row}],
        **{name: [{**cell.about, **x} for x in t.to_dict("records")] for name, t in tables.items()},
        "curves": [{**cell.about, **x} for curve in found.curves for x in curve.rows()],
    }


def _digits(inputs: str) -> Task:
    """The first 1437 digits, and the last 360 as held-out ones; scales are of the first."""
    every = digits()
    values = _scaled(every.inputs.double() * 16, inputs).float()  # pixels are 0 … 16 in the file
    learned = replace(every, inputs=values[:N_TRAIN], targets=every.targets[:N_TRAIN])
    held_out = replace(every, inputs=values[N_TRAIN:], targets=every.targets[N_TRAIN:])
    return replace(learned, held_out=held_out)


def _scaled(pixels: Tensor, inputs: str) -> Tensor:
    own = pixels[:N_TRAIN]
    if inputs == "z":
        deviation = own.std(dim=0, correction=0)
        return (pixels - own.mean(dim=0)) / torch.where(deviation > 0, deviation, 1.0)
    return pixels / own.max() if inputs == "minmax" else pixels


def _sparsifier(cell: Cell, recipe: Recipe, net: nn.Module) -> dynamic.Sparsifier:
    """The method of a cell."""
    settings, density, rng = cell.settings, cell.treatment.density, stream(cell.seed, "masks")
    per_epoch = -(-N_TRAIN // recipe.batch_size)
    if cell.treatment.method == "ac_dc":
        steps = boundaries(phases_of(scaled(recipe.epochs)), per_epoch)
        return dynamic.ac_dc(net, density=density, phases=steps, rng=rng)
    end = int(settings.until * recipe.epochs * per_epoch)
    every = min(settings.every, max(end // 4, 1))
    end -= end % every  # so that the last update is at the end
    make = getattr(dynamic, cell.treatment.method)
    made: dynamic.Sparsifier = make(net, density=density, end=end, every=every, rng=rng)
    return made
