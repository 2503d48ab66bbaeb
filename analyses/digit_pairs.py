"""What frozen recognisers of digits are worth to a task that needs them.

    python analyses/digit_pairs.py -o OUT

A source sees two handwritten digits and names k of them: both, the left one, or neither. Labels of
a digit that it does not learn are shuffled among the pairs, so that all sources have equally many
outputs, samples and steps. The target adds both digits bit by bit without carry, from pairs of the
same images. As in patil_reuse.py, the source's units are frozen in a wider net with new units next
to them; controls are the same weights free, no module, shuffled weights, and the module of a net
whose labels were all shuffled in another order.

Sources are dense, or pruned by magnitude to a tenth of each layer's weights and trained again.
A seed decides the pairs, the weights and the order of samples; held-out pairs are of other images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
import torch
from reuse_runs.tables import gains, steps

from netsculpt.cli.study import run_study
from netsculpt.core.random import stream
from netsculpt.nets.families import MLP
from netsculpt.studies.study import Rows, Study
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, accuracy, train
from netsculpt.training.tasks import Task, digit_sum, digits, separate_digits
from netsculpt.training.transfer.modular import CONDITIONS, modular_transfer

METHODS = ("dense", "pruned")
SHARED = (0, 1, 2)  # digits that the source names
RECIPE = replace(SCULPTING, epochs=30, batch_size=32, learning_rate=0.003)

_CONTROLS = ("unrelated", "scratch")
_SHOWN = {"gains": ["seeds", "gain", "low", "high"], "steps": ["n_pairs", "ratio", "low", "high"]}


@dataclass(frozen=True)
class Config:
    """How nets are trained, and how many."""

    n_seeds: int = 8
    n_pairs: int = 2000
    hidden: tuple[int, ...] = (64, 64)
    wide: tuple[int, ...] = (96, 96)  # of targets: new units stand next to the source's
    density: float = 0.1  # of pruned sources, in each layer
    recipe: Recipe = RECIPE  # of sources and targets
    fractions: tuple[float, ...] = (0.05, 0.25, 1.0)  # of the target's pairs
    goal: float = 0.95  # accuracy on held-out pairs


QUICK = Config(1, 100, (16, 16), (24, 24), recipe=replace(RECIPE, epochs=2))


@dataclass(frozen=True)
class Cell:
    """The sources of one seed by one method, and their targets."""

    method: str
    seed: int
    config: Config


def study(config: Config) -> Study[Cell]:
    """A cell for each method and seed."""
    chosen = [Cell(x, seed, config) for seed in range(config.n_seeds) for x in METHODS]
    about = {"arguments": asdict(config)}
    return Study("digit_pairs", chosen, measured, tables_of, ("gains", "steps"), about)


def measured(cell: Cell) -> Rows:
    """Rows of "sources" and of "transfers"."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    config, seed = cell.config, cell.seed
    named = separate_digits(digits(), config.n_pairs, rng=seed)
    target = digit_sum(digits(), config.n_pairs, rng=seed)
    unrelated = _trained(cell, shuffled(named, 0, seed, "unrelated"))
    sources, transfers = [], []
    for shared in SHARED:
        source = _trained(cell, shuffled(named, shared, seed, "source"))
        about = {"method": cell.method, "seed": seed, "shared": shared}
        density = float(source.n_kept()) / source.spec.n_weights
        right = float(accuracy(source, named.validation))
        sources.append({**about, "accuracy": right, "density": density})
        for fraction in config.fractions:
            found = modular_transfer(
                source,
                target,
                config.recipe,
                unrelated=unrelated,
                hidden=config.wide,
                fraction=fraction,
                rng=seed,
            )
            transfers += [
                {
                    **about,
                    "fraction": fraction,
                    "condition": condition,
                    "n_samples": found.n_samples,
                    "accuracy": found.final(condition),
                    "steps_to_goal": _known(found.steps_to(config.goal, condition)),
                    "steps": int(found.steps[-1]),
                }
                for condition in CONDITIONS
            ]
    return {"sources": sources, "transfers": transfers}


def _known(steps: float) -> float | None:
    return steps if math.isfinite(steps) else None


def shuffled(named: Task, shared: int, seed: int, use: str) -> Task:
    """The task with the labels of all digits but the first `shared` in a random order."""
    targets = named.targets.clone()
    for digit in range(shared, targets.shape[1]):
        order = stream(seed, use, digit).permutation(named.n_samples)
        targets[:, digit] = targets[torch.from_numpy(order), digit]
    return replace(named, targets=targets)


def _trained(cell: Cell, task: Task) -> Replicas:
    spec = MLP((task.n_inputs, *cell.config.hidden, task.n_outputs))
    rngs = [stream(cell.seed, "order")]
    net = train(initial_replicas(spec, [cell.seed]), task, cell.config.recipe, rngs).replicas
    if cell.method == "dense":
        return net
    masks = {name: largest(net.parameters[name], cell.config.density) for name in net.weights}
    return train(net.masked(net.masks | masks), task, cell.config.recipe, rngs).replicas


def largest(weight: torch.Tensor, density: float) -> torch.Tensor:
    """Mask of the largest weights of a layer; ties go to the first ones."""
    order = weight.abs().flatten().argsort(descending=True, stable=True)
    mask = torch.zeros(len(order), dtype=torch.bool)
    mask[order[: round(density * len(order))]] = True
    return mask.reshape(weight.shape)


def tables_of(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means of the sources, accuracy gained and steps saved."""
    keys = ["method", "shared"]
    means = rows["sources"].groupby(keys, sort=False)[["accuracy", "density"]].mean()
    found: dict[str, Any] = {"source_means": means.reset_index()}
    arrived = rows["transfers"].astype({"steps_to_goal": float})  # also where no run arrived
    return {**found, "gains": gains(arrived), "steps": steps(arrived)}


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the sources, and what frozen units gain against two controls."""
    print(tables["source_means"].round(3).to_string(index=False), end="\n\n")
    keys = ["method", "fraction", "shared", "control"]
    for name, columns in _SHOWN.items():
        table = tables[name]
        chosen = table[(table["condition"] == "frozen") & table["control"].isin(_CONTROLS)]
        print(f"{name}\n{chosen[[*keys, *columns]].round(3).to_string(index=False)}", end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)
