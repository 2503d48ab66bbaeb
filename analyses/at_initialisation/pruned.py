"""One cell: a net pruned, measured as a graph, and trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from at_initialisation.cells import DENSE, Cell
from at_initialisation.measured import Row, measured
from netsculpt.core.random import stream
from netsculpt.nets.families import initial_net
from netsculpt.nets.initialisations import he
from netsculpt.training.fitting.batches import Batches, batches_of
from netsculpt.training.fitting.loop import fit
from netsculpt.training.pruning.baselines import inverted
from netsculpt.training.pruning.phew import phew
from netsculpt.training.pruning.prune import prune
from netsculpt.training.pruning.report import Pruned
from netsculpt.training.pruning.sparse_net import sparse_net
from netsculpt.training.tasks import task

__all__ = ["BASELINES", "CORRECTED", "NONE", "PLAIN", "pruned_and_trained"]

NONE = ""  # no baseline: the method itself
BASELINES = ("shuffled", "reinitialised", "inverted")
PLAIN, CORRECTED = "He", "fan-in-corrected"

_WEAK = -1.0  # exponent of walks that prefer weak weights


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
    for baseline, initialisation, start in _starts(cell, net, batches):
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


def _starts(cell: Cell, net: nn.Module, batches: Batches) -> Iterator[tuple[str, str, nn.Module]]:
    """The nets to train, each with its baseline and initialisation."""
    if cell.method == DENSE:
        yield NONE, PLAIN, net
        return
    pruned = _pruned(cell, net, batches)
    for baseline in (NONE, *cell.baselines):
        kept = _pruned(cell, net, batches, worst=True) if baseline == "inverted" else pruned
        for initialisation in (PLAIN, CORRECTED):
            sparse = sparse_net(
                net,
                kept,
                shuffle=baseline == "shuffled",
                redraw=he if baseline == "reinitialised" else None,
                correct_fan_in=initialisation == CORRECTED,
                rng=cell.seed,
            )
            yield baseline, initialisation, sparse.net


def _pruned(cell: Cell, net: nn.Module, batches: Batches, *, worst: bool = False) -> Pruned:
    """The net pruned by the method; or the worst: what the method would prune first is kept."""
    method, rng = cell.choice, stream(cell.seed, "masks", cell.method)
    assert method is not None
    if method.score is None:
        power = _WEAK if worst else 1.0
        return phew(net, batches.example, cell.density, rng=rng, power=power)
    return prune(
        net,
        method=inverted(method.score) if worst else method.score,
        density=cell.density,
        batches=batches,
        rng=rng,
        allocation=method.allocation,
        rounds=method.rounds,
    )
