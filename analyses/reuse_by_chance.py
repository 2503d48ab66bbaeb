"""How often sculpted nets that share nothing look as if they shared functions, and how masks do.

    python analyses/reuse_by_chance.py -o OUT --seeds 48

For each seed, nets of 8-24-24-4 units are sculpted for a source task, for a target that has two of
its three sub-functions, once more for the target from other initial weights, and for a task that
has none of them. What a target reuses is measured as ``netsculpt reuse`` does, of four sources: the
unrelated net, whose degree of reuse is what matching alone gives; the source; the other net of the
same task; and itself, which is the most that can be found. In the target, masks are learned for
each output, and compared between outputs with and without functions in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch

from netsculpt.cli.study import run_study
from netsculpt.files.model import Model
from netsculpt.graph.circuits import Circuit, parse_circuit
from netsculpt.nets import MLP, net_from_model
from netsculpt.studies.study import Rows, Study
from netsculpt.training import (
    SCULPTING,
    NetOnTask,
    boolean,
    reuse_analysis,
    sculpt,
    subtask_masks,
)
from netsculpt.training.influence.masking import MASKING
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.transfer import ReuseAnalysis

TASKS = {
    "source": "left = a ^ b; middle = (c & d) | e; right = f ^ (g | h); y1 = left & middle; "
    "y2 = left | right; y3 = middle ^ right; y4 = ~left & ~right",
    "target": "first = a ^ b; second = (c & d) | e; third = f & (g | h); z1 = first | second; "
    "z2 = first & third; z3 = second ^ third; z4 = ~first ^ second",
    "unrelated": "p = (a & c) ^ f; q = b & ~d; r = e | (g & h); w1 = p & q; w2 = p | r; "
    "w3 = q ^ r; w4 = ~p ^ ~r",
}
_OTHER = 1_000_000  # from here on, seeds of the second net of a task


@dataclass(frozen=True)
class Config:
    """How many nets, and how modules are found."""

    n_seeds: int = 48
    detectors: tuple[str, ...] = ("layered", "path_signature")
    epochs: int = 40
    unit_gradient: float = 30.0
    edge_gradient: float = 2.5
    mask_epochs: int = MASKING.epochs


@dataclass(frozen=True)
class Cell:
    """The nets of one seed."""

    seed: int
    config: Config


def study(config: Config) -> Study[Cell]:
    """One cell per seed."""
    common = replace(config, n_seeds=0)  # a cell does not depend on how many there are
    cells = [Cell(seed, common) for seed in range(config.n_seeds)]
    return Study("reuse_by_chance", cells, _measured, _tables, about={"arguments": asdict(config)})


def _measured(cell: Cell) -> Rows:
    torch.set_num_threads(1)
    circuits = {name: parse_circuit(text) for name, text in TASKS.items()}
    wanted = {name: (name, cell.seed) for name in circuits} | {
        "same task": ("target", cell.seed + _OTHER)
    }
    nets = {
        who: _sculpted(circuits[task], seed, cell.config) for who, (task, seed) in wanted.items()
    }
    if any(net is None for net in nets.values()):
        missing = [who for who, net in nets.items() if net is None]
        return {"unsolved": [{"seed": cell.seed, "net": who} for who in missing]}
    known: dict[str, NetOnTask] = {who: net for who, net in nets.items() if net is not None}
    rows = [row for x in cell.config.detectors for row in _reused(known, x, cell.seed)]
    return {"pairs": rows, "masks": _masks(known["target"], cell)}


def _sculpted(circuit: Circuit, seed: int, config: Config) -> NetOnTask | None:
    """The sculpted net; None if its training misses the goal."""
    task = boolean(circuit)
    found = sculpt(
        MLP((task.n_inputs, 24, 24, task.n_outputs)),
        task,
        replace(SCULPTING, epochs=config.epochs),
        seeds=[seed],
        unit_gradients=[config.unit_gradient],
        edge_gradients=[config.edge_gradient],
    )
    return NetOnTask(found.replicas, circuit) if found.sparsest() else None


def _reused(nets: Mapping[str, NetOnTask], detector: str, seed: int) -> list[dict[str, Any]]:
    """What the target reuses of each net."""
    target = nets["target"]
    more: dict[str, Any] = {"detector": detector, "rng": seed}
    related = reuse_analysis(nets["source"], target, unrelated=[nets["unrelated"]], **more)
    shared = [x.target[0] for x in related.functions]
    others = {
        "the source": related,
        "the same task": reuse_analysis(nets["same task"], target, functions=shared, **more),
        "itself": reuse_analysis(target, target, functions=shared, **more),
    }
    about = {"seed": seed, "detector": detector}
    rows = [{**about, "of": of, **_numbers(found)} for of, found in others.items()]
    (matching,) = related.unrelated
    chance = {"degree": related.subtasks.chance, **_matched(matching)}
    return [*rows, {**about, "of": "an unrelated net", **chance}]


def _numbers(found: ReuseAnalysis) -> dict[str, Any]:
    verdicts = [x.verdict for x in found.subtasks.subtasks]
    alike = [
        x.verdict == "relearned elsewhere" and x.similarity >= found.subtasks.thresholds[1]
        for x in found.subtasks.subtasks
    ]
    return {
        "degree": found.subtasks.degree,
        "relearned": verdicts.count("relearned elsewhere") / len(verdicts),
        "of which alike": sum(alike) / len(verdicts),
        "distributed": verdicts.count("distributed") / len(verdicts),
        "absent": verdicts.count("absent") / len(verdicts),
        **_matched(found.matching),
    }


def _matched(matching: Any) -> dict[str, Any]:
    """Shares of matched modules that are similar, that are significant, and that are both."""
    similar = np.array([x.similarity >= 0.9 for x in matching.pairs])
    significant = np.array([x.q <= 0.05 for x in matching.pairs])
    return {
        "modules": len(similar),
        "similar": similar.mean(),
        "significant": significant.mean(),
        "both": (similar & significant).mean(),
        "p can be .05": np.mean([x.least_p <= 0.05 for x in matching.pairs]),
    }


def _masks(target: NetOnTask, cell: Cell) -> list[dict[str, Any]]:
    """What the masks of each two outputs share."""
    assert isinstance(target.net, Replicas)
    state, masks = target.net.state(0)
    net = net_from_model(Model(target.net.spec.spec, state, masks, {}))
    recipe = replace(MASKING, epochs=cell.config.mask_epochs)
    found = subtask_masks(net, boolean(target.circuit), recipe=recipe, rng=cell.seed)
    reads, functions = target.circuit.reads, ("first", "second", "third")
    own, random = found.own_accuracy, found.random_accuracy.mean(axis=0)
    assert found.untrained is not None
    return [
        {
            "seed": cell.seed,
            "outputs": f"{found.subtasks[i]} {found.subtasks[j]}",
            "functions in common": sum(
                f in reads[found.subtasks[i]] and f in reads[found.subtasks[j]] for f in functions
            ),
            "iou": found.iou[i, j, -1],
            "iomin": found.iomin[i, j, -1],
            "iou of runs": found.iou_of_runs[[i, j], -1].mean(),
            "own": own[[i, j]].mean(),
            "other": found.accuracy.mean(axis=0)[[i, j], [j, i]].mean(),
            "random": random[[i, j]].mean(),
            "untrained": found.untrained.own_accuracy[[i, j]].mean(),
            "kept": found.shares[[i, j], -1].mean(),
        }
        for i, j in combinations(range(len(found.subtasks)), 2)
    ]


def _tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over the seeds, and in how many of them the degree is above 0."""
    tables = {}
    if "pairs" in rows:
        groups = rows["pairs"].drop(columns="seed").groupby(["of", "detector"], sort=False)
        counts = groups["degree"].agg(pairs="size", above_0=lambda x: int((x > 0).sum()))
        tables["reuse"] = counts.join(groups.mean()).reset_index()
    if "masks" in rows:
        numbers = rows["masks"].drop(columns=["seed", "outputs"])
        tables["masks_by_functions"] = numbers.groupby("functions in common").mean().reset_index()
    return tables


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the means."""
    for name in ("reuse", "masks_by_functions"):
        if name in tables:
            print(tables[name].round(3).to_string(index=False), end="\n\n")
    if "unsolved" in tables:
        print(f"Not trained to the goal: {len(tables['unsolved'])} nets")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=Config(n_seeds=2, mask_epochs=100), show=show)
