"""Whether a sculpted convolutional net shows that its task consists of two digits.

    python analyses/sculpt_any.py -o OUT

A net sees two handwritten digits as two channels of one image. It names both, or adds them bit by
bit without carry. Channels, hidden units and then kernels and weights are pruned while held-out
accuracy stays at a goal. In what is left: are the outputs' modules the two digits, do channels read
one image only, and does the lesion of a digit's module hurt that digit and not the other? Each is
compared with chance: networks rewired with the same degrees, random units of the same layers.

Controls are the dense net of the same seed, and that net with as many edges as the sculpted one
has, the largest ones, trained again. A seed decides weights, order of samples and random draws;
pairs are the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
import torch
from sculpt_any_runs.digit_lesions import digit_lesions
from sculpt_any_runs.structure import BOTH, chances, images_read, structure

from netsculpt import trace
from netsculpt.cli.study import run_study
from netsculpt.core.random import stream
from netsculpt.modules.detectors import layered
from netsculpt.nets.families import CNN
from netsculpt.studies.study import Rows, Study
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.influence.intervening import intervenable
from netsculpt.training.sculpting.edge_scores.magnitude import magnitude
from netsculpt.training.sculpting.grid import Grid
from netsculpt.training.sculpting.method import SculptingMethod
from netsculpt.training.sculpting.nets.kind import Nets
from netsculpt.training.sculpting.nets.sculpt_net import sculpting_of
from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.tasks import Task, digit_sum, digits, separate_digits

TASKS = {"two-digits-separate": separate_digits, "two-digits-sum": digit_sum}
SIGNIFICANT = 0.05
METHOD = SculptingMethod(prunes_unsolved=True)  # retraining may reach what the dense net missed
RECIPE = Recipe(epochs=20, batch_size=32, learning_rate=0.004)


@dataclass(frozen=True)
class Config:
    """How nets are trained and sculpted, and how many."""

    tasks: tuple[str, ...] = tuple(TASKS)
    n_seeds: int = 10
    n_pairs: int = 2000
    channels: tuple[int, ...] = (8, 16)
    hidden: tuple[int, ...] = (32,)
    goals: tuple[float, ...] = (0.93, 0.85)  # held-out accuracy to keep, by task
    unit_gradient: float = 20.0
    edge_gradient: float = 5.0
    recipe: Recipe = RECIPE
    n_nulls: int = 39
    n_random: int = 99  # sets of units, for each lesion
    n_lesioned: int = 400  # held-out pairs


QUICK = Config(
    n_seeds=1,
    n_pairs=300,
    channels=(2, 4),
    hidden=(8,),
    goals=(0.25, 0.5),
    unit_gradient=50.0,
    edge_gradient=30.0,
    recipe=replace(RECIPE, epochs=8, learning_rate=0.02),
    n_nulls=4,
    n_random=4,
    n_lesioned=50,
)


@dataclass(frozen=True)
class Cell:
    """A dense, a pruned and a sculpted net of one task and seed."""

    task: str
    goal: float
    seed: int
    config: Config


def study(config: Config) -> Study[Cell]:
    """A cell for each task and seed."""
    pairs = list(zip(config.tasks, config.goals, strict=True))
    cells = [Cell(*pair, seed, config) for pair in pairs for seed in range(config.n_seeds)]
    about = {"arguments": asdict(config)}
    return Study("sculpt_any", cells, measured, tables_of, ("summary", "layers"), about)


def measured(cell: Cell) -> Rows:
    """Rows of "nets", of "units" and of "lesions"."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    task = TASKS[cell.task](digits(), cell.config.n_pairs, rng=0)
    rows: dict[str, list[dict[str, Any]]] = {"nets": [], "units": [], "lesions": []}
    for method, stack, reached in nets(cell, task):
        about = {"task": cell.task, "seed": cell.seed, "method": method}
        graph = trace(stack.net_of(0), task.inputs[:1])
        partition = layered(graph, rng=cell.seed)
        assert task.truth is not None
        found = structure(graph, partition, task.truth)
        p = chances(graph, task.truth, found, cell.config.n_nulls, cell.seed)
        lesions = []
        if task.truth.output_groups.n_modules == 2:
            part = cell.config.n_lesioned
            held_out = task.validation
            few = replace(held_out, inputs=held_out.inputs[:part], targets=held_out.targets[:part])
            able = intervenable(stack.net_of(0), graph=graph, example=task.inputs[:1])
            options = {"n_random": cell.config.n_random, "seed": cell.seed}
            lesions = digit_lesions(able, partition, few, **options)
        rows["lesions"] += [{**about, **asdict(x)} for x in lesions]
        left, right = partition.labels[graph.inputs]
        rows["nets"].append(
            {
                **about,
                "accuracy": reached,
                "edges": graph.n_edges,
                "units": graph.live().n_units,
                "modules": partition.n_modules,
                "apart": bool(left != right),
                **asdict(found),
                **{f"p_{key}": value for key, value in asdict(p).items()},
                "p_lesion": max((x.p for x in lesions), default=1.0),
            }
        )
        read = images_read(graph)
        rows["units"] += [
            {
                **about,
                "layer": layer.name,
                "live": int((read[layer.units] > 0).sum()),
                "of_both": int((read[layer.units] == BOTH).sum()),
            }
            for layer in graph.layers[1:]
        ]
    return rows


def nets(cell: Cell, task: Task) -> Iterator[tuple[str, NetStack, float]]:
    """The nets by method, each with its accuracy; what is never at the goal stays dense."""
    config = cell.config
    spec = CNN((2, 8, 8), config.channels, config.hidden, task.n_outputs)
    kind = Nets.of(spec, task)
    dense = kind.trained(
        kind.initial([cell.seed]), task, config.recipe, [stream(cell.seed, "dense")], latest=False
    )
    yield "dense", dense.replicas, float(dense.accuracy[0])
    recipe = replace(config.recipe, goal_accuracy=cell.goal)
    grid = Grid((cell.seed,), (config.unit_gradient,), (config.edge_gradient,), cell.goal)
    process = sculpting_of(spec, task, recipe, grid, method=METHOD)
    while not process.finished:
        process.advance()
    sculpted = process.result().replicas
    yield "sculpted", sculpted, float(kind.accuracy(sculpted, task)[0])
    order = magnitude(dense.replicas, task)[0].argsort(descending=True, stable=True)
    keep = torch.zeros(1, kind.n_edges, dtype=torch.bool)
    keep[0, order[: int(kind.kept_edges(sculpted).sum())]] = True
    pruned = kind.trained(
        kind.without_edges(dense.replicas, keep),
        task,
        config.recipe,
        [stream(cell.seed, "pruned")],
        latest=False,
    )
    yield "pruned", pruned.replicas, float(pruned.accuracy[0])


def tables_of(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means by method and how many nets are significant; units by layer."""
    keys = ["task", "method"]
    found = rows["nets"]
    means = ["accuracy", "edges", "units", "modules", "apart", "quality", "agreement", "pure"]
    summary = found.groupby(keys, sort=False)[means].mean()
    tests = ["p_quality", "p_agreement", "p_pure", "p_lesion"]
    passed = found[tests].le(SIGNIFICANT).groupby([found[key] for key in keys], sort=False)
    summary[tests] = passed.sum()
    both = found["p_agreement"].le(SIGNIFICANT) & found["p_lesion"].le(SIGNIFICANT)
    summary["separated"] = both.groupby([found[key] for key in keys], sort=False).sum()
    summary["nets"] = passed.size()
    layers = rows["units"].groupby([*keys, "layer"], sort=False)[["live", "of_both"]].mean()
    return {"summary": summary.reset_index(), "layers": layers.reset_index()}


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print both tables; columns p_… and "separated" count nets with p ≤ .05."""
    for table in tables.values():
        print(table.round(3).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)
