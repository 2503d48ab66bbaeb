"""One cell: a net pruned, measured as a graph, and trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from at_initialisation.cells import DENSE, METHODS, NETS, Cell
from at_initialisation.measured import Row, measured
from netsculpt.core.random import stream
from netsculpt.nets.families import initial_net
from netsculpt.nets.initialisations import he
from netsculpt.training.fitting.batches import Batches, batches_of
from netsculpt.training.fitting.loop import fit
from netsculpt.training.pruning.baselines import inverted
from netsculpt.training.pruning.phew import phew
from netsculpt.training.pruning.prune import prune
from netsculpt.training.pruning.pruned import Pruned
from netsculpt.training.pruning.sparse_net import sparse_net
from netsculpt.training.tasks import task

__all__ = ["BASELINES", "CORRECTED", "NONE", "PLAIN", "pruned_and_trained"]

NONE = ""  # no baseline: the method itself
BASELINES = ("shuffled", "reinitialised", "inverted")
PLAIN, CORRECTED = "He", "fan-in-corrected"

_WEAK = -1.0  # exponent of walks that go along weak weights

Rows = list[Row]


def pruned_and_trained(cell: Cell) -> tuple[Rows, Rows]:
    """One row for each baseline and initialisation; and one for each of their layers."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    made, seed = NETS[cell.net], cell.seed
    samples = task(made.task, rng=stream(seed, "samples"))
    batches = batches_of(samples, n_samples=cell.n_scored, rng=stream(seed, "scored"))
    net = he(initial_net(made.spec, rng=0), rng=stream(seed, "weights"))
    epochs = cell.epochs or made.recipe.epochs
    recipe = replace(made.recipe, epochs=epochs, warmup=min(made.recipe.warmup, epochs - 1))
    rows: Rows = []
    layers: Rows = []
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
        rows.append({**about, **whole, **trained})
        layers += [{**about, **part} for part in parts]
    return rows, layers


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
    method, rng = METHODS[cell.method], stream(cell.seed, "masks", cell.method)
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
