"""One cell: a net pruned, measured as a graph, and trained."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from at_initialisation.cells import DENSE, Cell
from at_initialisation.measured import Row, measured
from netsculpt.core.random import stream
from netsculpt.nets.families import initial_net
from netsculpt.nets.initialisations import he
from netsculpt.nets.masks import mask_net
from netsculpt.training.fitting.batches import Batches, batches_of
from netsculpt.training.fitting.loop import fit
from netsculpt.training.pruning import scores
from netsculpt.training.pruning.baselines import inverted, shuffled
from netsculpt.training.pruning.fan_in import fan_in_corrected
from netsculpt.training.pruning.phew import phew
from netsculpt.training.pruning.prune import prune
from netsculpt.training.tasks import task

__all__ = ["BASELINES", "CORRECTED", "NONE", "PLAIN", "pruned_and_trained"]

NONE = ""  # no baseline: the method itself
BASELINES = ("shuffled", "reinitialised", "inverted")
PLAIN, CORRECTED = "He", "fan-in-corrected"

_WEAK = -1.0  # exponent of walks that prefer weak weights

Masks = Mapping[str, Tensor]


def pruned_and_trained(cell: Cell) -> dict[str, list[Row]]:
    """Rows of "nets" by baseline and initialisation, and of "layers" by layer of each."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    setup, seed = cell.setup, cell.seed
    samples = task(setup.task, rng=stream(seed, "samples"))
    batches = batches_of(samples, n_samples=cell.n_scored, rng=stream(seed, "scored"))
    net = he(initial_net(setup.spec, rng=0), rng=stream(seed, "weights"))
    epochs = cell.epochs or setup.recipe.epochs
    recipe = replace(setup.recipe, epochs=epochs, warmup=min(setup.recipe.warmup, epochs - 1))
    nets: list[Row] = []
    layers: list[Row] = []
    for baseline, masked in _masked(cell, net, batches):
        starts = {PLAIN: masked}
        if cell.method != DENSE:
            starts[CORRECTED] = fan_in_corrected(masked)
        for initialisation, start in starts.items():
            about = {
                "net": cell.net,
                "method": cell.method,
                "asked": cell.density,
                "seed": seed,
                "baseline": baseline,
                "initialisation": initialisation,
            }
            whole, parts = measured(start, batches.example)
            fitted = fit(start, samples, recipe, rng=stream(seed, "training"))
            last = fitted.history[-1]
            trained = {"accuracy": last.accuracy, "loss": last.loss}
            nets.append({**about, **whole, **trained})
            layers += [{**about, **part} for part in parts]
    return {"nets": nets, "layers": layers}


def _masked(cell: Cell, net: nn.Module, batches: Batches) -> Iterator[tuple[str, nn.Module]]:
    """Masked nets, by baseline."""
    if cell.method == DENSE:
        yield NONE, net
        return
    masks = _masks(cell, net, batches)
    yield NONE, _with(net, masks)
    for baseline in cell.baselines:
        if baseline == "shuffled":
            yield baseline, _with(net, shuffled(masks, rng=stream(cell.seed, baseline)))
        elif baseline == "reinitialised":
            other = he(net, rng=stream(cell.seed, baseline))
            yield baseline, _with(other, masks)
        else:
            yield baseline, _with(net, _masks(cell, net, batches, worst=True))


def _masks(cell: Cell, net: nn.Module, batches: Batches, *, worst: bool = False) -> Masks:
    """Masks of the method; or, as the worst, of what it would prune first."""
    method, rng = cell.choice, stream(cell.seed, "masks", cell.method)
    assert method is not None
    if method.score is None:
        power = _WEAK if worst else 1.0
        return phew(net, batches.example, cell.density, rng=rng, power=power).masks
    score = getattr(scores, method.score)
    return prune(
        net,
        method=inverted(score) if worst else score,
        density=cell.density,
        batches=batches,
        rng=rng,
        allocation=method.allocation,
        rounds=method.rounds,
    ).masks


def _with(net: nn.Module, masks: Masks) -> nn.Module:
    masked = copy.deepcopy(net)
    mask_net(masked, masks)
    return masked
