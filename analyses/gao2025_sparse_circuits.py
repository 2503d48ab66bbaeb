"""Sizes of circuits in weight-sparse and in dense transformers, against the loss that is allowed.

    python analyses/gao2025_sparse_circuits.py -o OUT

After Gao et al. 2025 (arXiv:2511.13653), who find circuits about 16 times smaller in weight-sparse
transformers than in dense ones. Here: one block, generated token tasks, 1 in 50 weights kept (the
largest of each matrix after every step; layers share as Erdős–Rényi) or all, trained alike.

A circuit is cut out of a net for each of some losses, by three orders of its channels: gates that
are learned, shares of paths, and a random order. Each is measured on held-out samples with the
other channels at zero, at their mean, and from another sample. Controls: as many channels at each
place at random, and a circuit cut likewise from the same net with its weights shuffled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from reuse_runs.tables import mean_interval

from netsculpt.cli.study import Options, run_study, several_of
from netsculpt.core.random import stream
from netsculpt.nets import weight_counts
from netsculpt.nets.families import SparseGPT, initial_net
from netsculpt.nets.initialisations import he
from netsculpt.studies.study import Rows, Study
from netsculpt.training import Recipe, dynamic, fit, task
from netsculpt.training.influence.circuits import Circuit, circuits, scores
from netsculpt.training.tasks import Task

TASKS = ("brackets", "copying", "quotes")
ORDERS = ("learned", "path_share", "random")
RECIPE = Recipe(
    epochs=8,
    optimizer="adamw",
    learning_rate=0.005,
    schedule="cosine",
    warmup=1,
    weight_decay=0.01,
    gradient_rms=1.0,
)
GATES = Recipe(epochs=1, batch_size=128, learning_rate=0.1)
_KEYS = ["task", "order", "asked"]


@dataclass(frozen=True)
class Setup:
    """How nets are trained, and how circuits are cut."""

    width: int = 96  # of the residual stream
    mlp_width: int = 192
    n_steps: int = 2000  # at least; whole epochs
    recipe: Recipe = RECIPE  # with as many epochs as these take
    losses: tuple[float, ...] = (0.05, 0.15, 0.4)
    gates: Recipe = GATES
    n_samples: int = 256  # that circuits are cut on
    n_held_out: int = 500
    n_random: int = 3


SETUP = Setup()


@dataclass(frozen=True)
class Config:
    """Which nets."""

    setup: Setup = SETUP
    tasks: tuple[str, ...] = TASKS
    densities: tuple[float, ...] = (0.02, 1.0)
    n_seeds: int = 3


_SMALL = replace(
    SETUP,
    width=16,
    mlp_width=16,
    n_steps=200,
    losses=(0.15, 0.6),
    n_samples=64,
    n_held_out=100,
)
QUICK = Config(_SMALL, ("brackets",), n_seeds=1)
_OPTIONS: Options = {
    "--tasks": {"type": several_of(TASKS), "help": "with commas between them"},
}


@dataclass(frozen=True)
class Cell:
    """A net and its circuits."""

    task: str
    density: float
    seed: int
    setup: Setup


def study(config: Config) -> Study[Cell]:
    """A cell for each net."""
    chosen = [
        Cell(name, density, seed, config.setup)
        for seed in range(config.n_seeds)
        for name in config.tasks
        for density in config.densities
    ]
    documents = ("nets", "sizes", "ratios", "ablations")
    about = {"arguments": asdict(config)}
    return Study("gao2025_sparse_circuits", chosen, measured, tables_of, documents, about)


def measured(cell: Cell) -> Rows:
    """Rows of "nets" and of "circuits"."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    setup, seed = cell.setup, cell.seed
    samples = task(cell.task, rng=0)
    net, accuracy = _trained(cell, samples)
    about = {"task": cell.task, "density": cell.density, "seed": seed}
    counts = weight_counts(net)
    nets = [{**about, "accuracy": accuracy, "kept": sum(counts.kept), "of": sum(counts.total)}]
    few = replace(samples, held_out=_first(samples.validation, setup.n_held_out))
    rows = []
    for order in ORDERS:
        score: Any = getattr(scores, order)
        found = circuits(
            net,
            few,
            setup.losses,
            score=partial(score, recipe=setup.gates) if order == "learned" else score,
            n_samples=setup.n_samples,
            n_random=setup.n_random,
            control=order != "random",
            rng=stream(seed, "circuits", order),
        )
        rows += [{**about, "order": order, **_row(x)} for x in found]
    return {"nets": nets, "circuits": rows}


def _trained(cell: Cell, samples: Task) -> tuple[torch.nn.Module, float]:
    setup, seed = cell.setup, cell.seed
    spec = SparseGPT(
        samples.n_outputs,
        samples.n_inputs,
        setup.width,
        layers=1,
        heads=8,
        norm="rms",
        mlp_width=setup.mlp_width,
        sinks=True,
        tied=False,
    )
    steps_per_epoch = -(-samples.n_samples // setup.recipe.batch_size)
    epochs = max(2, -(-setup.n_steps // steps_per_epoch))
    sparsifier = None
    if cell.density < 1:
        sparsifier = partial(
            dynamic.magnitude_each_step,
            density=cell.density,
            end=round(0.99 * epochs * steps_per_epoch),
            allocation="erk",
            rng=seed,
        )
    recipe = replace(setup.recipe, epochs=epochs, warmup=epochs // 8)
    net = he(initial_net(spec, rng=seed), rng=stream(seed, "initial weights"))
    fitted = fit(net, samples, recipe, sparsifier=sparsifier, rng=seed)
    return fitted.net, fitted.best.accuracy


def _first(samples: Task, n: int) -> Task:
    return replace(samples, inputs=samples.inputs[:n], targets=samples.targets[:n])


def _row(circuit: Circuit) -> dict[str, Any]:
    control = circuit.control
    row = {
        "asked": circuit.asked_loss,
        "reached": circuit.reached,
        "nodes": circuit.n_nodes,
        "edges": circuit.n_edges,
        "edges_of_net": circuit.n_edges_of_net,
        "control_reached": None if control is None else control.reached,
        "control_edges": None if control is None else control.n_edges,
    }
    for kind, loss in circuit.loss.items():
        row |= {f"loss_{kind}": loss, f"accuracy_{kind}": circuit.accuracy[kind]}
        row[f"random_{kind}"] = float(np.mean(circuit.random_accuracy[kind]))
        row[f"control_loss_{kind}"] = None if control is None else control.loss[kind]
        row[f"control_accuracy_{kind}"] = None if control is None else control.accuracy[kind]
    return row


def tables_of(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Sizes of circuits, dense over sparse, and what ablations and controls leave."""
    found = rows["circuits"]
    reached = found[found["reached"].astype(bool)]
    tables = {"nets": rows["nets"], "ablations": _ablations(found)}
    if len(reached):
        tables |= {"sizes": _sizes(reached), "ratios": _ratios(reached)}
    return tables


def _sizes(reached: pd.DataFrame) -> pd.DataFrame:
    """Geometric mean of edges over the seeds whose circuit has the loss; one edge at least."""
    table = []
    for values, part in reached.groupby([*_KEYS[:2], "density", "asked"], sort=False):
        row = dict(zip([*_KEYS[:2], "density", "asked"], values, strict=True))
        row |= {"seeds": len(part), "nodes": part["nodes"].mean()}
        table.append({**row, **_geometric("edges", part["edges"].clip(lower=1))})
    return pd.DataFrame(table)


def _ratios(reached: pd.DataFrame) -> pd.DataFrame:
    """How many times as many edges and channels the dense net's circuit has, paired by seed.

    The rows "all" are over tasks and seeds.
    """
    table = []
    groups = [("all", key, part) for key, part in reached.groupby(_KEYS[1:], sort=False)]
    for name, own in reached.groupby("task", sort=False):
        groups += [(str(name), key, part) for key, part in own.groupby(_KEYS[1:], sort=False)]
    for name, (order, asked), part in groups:
        row: dict[str, Any] = {"task": name, "order": order, "asked": asked}
        for size in ("edges", "nodes"):
            wide = part.pivot_table(size, ["task", "seed"], "density").clip(lower=1).dropna()
            if len(wide.columns) < 2 or not len(wide):
                continue
            ratio = wide[max(wide.columns)] / wide[min(wide.columns)]
            row |= {"pairs": len(wide), **_geometric(f"{size}_ratio", ratio)}
        if "pairs" in row:
            table.append(row)
    columns = ["task", "order", "asked", "pairs", "edges_ratio", "edges_ratio_low"]
    return pd.DataFrame(table) if table else pd.DataFrame(columns=columns)


def _geometric(name: str, values: pd.Series) -> dict[str, float]:
    """Geometric mean, and its 95 % interval by Student's t of the logarithms."""
    numbers = np.exp(mean_interval(np.log(values.to_numpy(dtype=np.float64))))
    return dict(zip((name, f"{name}_low", f"{name}_high"), numbers.tolist(), strict=True))


def _ablations(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: accuracies by ablation, and how often circuits came to the loss."""
    keys = [*_KEYS, "density"]
    names = [x for x in map(str, rows) if x.startswith(("accuracy_", "random_", "control_"))]
    numbers = rows.astype(dict.fromkeys([*names, "reached"], float))
    means = numbers.groupby(keys, sort=False)[["reached", *names]].mean()
    return means.reset_index()


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print all tables."""
    for name, table in tables.items():
        print(f"{name}\n{table.round(3).to_string(index=False)}", end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show, options=_OPTIONS)
