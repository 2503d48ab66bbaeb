"""Nets that learned the source task: dense, or sparse by one of the methods."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

from torch import nn

from netsculpt.core.random import stream
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.initialisations import he
from netsculpt.nets.masks import mask_net
from netsculpt.training import dynamic
from netsculpt.training.dynamic.phases import boundaries, phases_of, scaled
from netsculpt.training.fitting.batches import batches_of
from netsculpt.training.fitting.loop import Fitted, fit
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.pruning.prune import prune
from netsculpt.training.pruning.sparse_net import sparse_net
from netsculpt.training.tasks import Task
from transfer_runs.cells import DENSE, INPUTS, UNTRAINED, Cell

__all__ = ["source_net"]

_UNTIL = 0.75  # of the training: masks stay from then on
_CHAIN = (0.45, 0.2, 0.1, 0.05, 0.02)  # densities of the tickets, each drawn from the one before
_REWOUND_TO = 1  # epoch


def source_net(cell: Cell, source: Task) -> tuple[nn.Module, float | None]:
    """The net of a cell, and its accuracy on the samples that chose its epoch.

    These are neither those of the test nor learned from. A net that learned nothing has none.
    """
    spec, recipe = cell.setup.net, cell.setup.recipe
    if cell.method == INPUTS:
        return initial_net(MLP((spec.widths[0], spec.widths[-1])), rng=0), None
    net = he(initial_net(spec, rng=stream(cell.seed, "weights")), rng=stream(cell.seed, "he"))
    if cell.method == UNTRAINED:
        return net, None
    train = partial(fit, task=source, recipe=recipe, rng=cell.seed)
    if cell.method == DENSE:
        found = train(net)
    elif cell.method == "lottery":
        found = _ticket(cell, net, source)
    elif cell.method == "synflow":
        batches = batches_of(source, n_samples=64, rng=stream(cell.seed, "batches"))
        pruned = prune(net, method="synflow", density=cell.density, batches=batches)
        found = train(sparse_net(net, pruned).net)
    else:
        found = train(net, sparsifier=partial(_sparsifier, cell, source))
    return found.net, found.best.accuracy


def _sparsifier(cell: Cell, source: Task, net: nn.Module) -> dynamic.Sparsifier:
    recipe, rng = cell.setup.recipe, stream(cell.seed, "masks")
    per_epoch = -(-source.n_samples // recipe.batch_size)
    if cell.method == "static":
        return dynamic.static(net, density=cell.density, rng=rng)
    if cell.method == "ac_dc":
        steps = boundaries(phases_of(scaled(recipe.epochs)), per_epoch)
        return dynamic.ac_dc(net, density=cell.density, phases=steps, rng=rng)
    end = int(_UNTIL * recipe.epochs * per_epoch)
    every = min(cell.setup.every, max(end // 4, 1))
    end -= end % every  # so that the last update is at the end
    make = getattr(dynamic, cell.method)
    made: dynamic.Sparsifier = make(net, density=cell.density, end=end, every=every, rng=rng)
    return made


def _ticket(cell: Cell, net: nn.Module, source: Task) -> Fitted:
    """Iterative magnitude pruning: train, prune, rewind to the weights after one epoch, repeat.

    Frankle et al., arXiv:1912.05671.
    """
    recipe = cell.setup.recipe
    early = fit(net, source, _short(recipe), rng=cell.seed).net.train()
    densities = [x for x in _CHAIN if x > cell.density]
    ticket = copy.deepcopy(early)
    for density in (*densities, cell.density):
        trained = fit(ticket, source, recipe, rng=cell.seed).net
        masks = prune(trained, method="magnitude", density=density, rounds=1).masks
        ticket = copy.deepcopy(early)
        mask_net(ticket, masks)
    return fit(ticket, source, recipe, rng=cell.seed)


def _short(recipe: Recipe) -> Recipe:
    """The first epochs of a recipe."""
    return replace(recipe, epochs=_REWOUND_TO, warmup=0, schedule="constant")
