"""One cell: a source, its targets, what they reuse, and what its frozen module is good for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from netsculpt.graph.circuits import SharedCircuits, shared_circuits
from netsculpt.training import NetOnTask, reuse_analysis
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import boolean
from netsculpt.training.transfer.modular import CONDITIONS, modular_transfer
from netsculpt.training.transfer.reuse_analysis import ReuseAnalysis
from reuse_runs.cells import CONFOUND, Cell
from reuse_runs.trained import Trained, initial_net, started_from, trained

__all__ = ["measured"]

Row = dict[str, Any]

_FRESH = 1_000_003  # so that new weights of a target are not the source's initial ones
_LEVEL = 0.05
_COMPUTED = 0.9  # interchange accuracy from which on a module computes a function


def measured(cell: Cell) -> dict[str, list[Row]]:
    """Rows of "sources" and "transfers", or of "itself", or of "reuse" and "functions"."""
    torch.set_num_threads(1)  # the same bits whatever the machine
    n = cell.setup.n_functions
    pairs = [shared_circuits(n, k, rng=cell.seed) for k in range(n + 1)]
    source, unrelated = _sources(cell, pairs[0])
    finished = source.finished and unrelated.finished
    rows: dict[str, list[Row]] = {}
    if cell.part == "benefit":
        row = {"accuracy": source.accuracy, "unrelated_accuracy": unrelated.accuracy}
        rows["sources"] = [{**row, "finished": finished, "density": _density(source.net)}]
        if finished:
            rows["transfers"] = [
                {"shared": k, **found}
                for k, pair in enumerate(pairs)
                for found in _transfers(cell, pair, source.net, unrelated.net)
            ]
    elif cell.part == "itself" and finished:
        whole = _analysed(cell, pairs[-1], source.net, source.net, unrelated.net)
        found = _function_rows(whole, pairs[-1])
        row = {"functions": n, "computed": sum(x["iia_target"] >= _COMPUTED for x in found) / n}
        rows["itself"] = [{**row, **_reuse_row(whole)}]
    elif finished:
        rows |= _reused(cell, pairs, source.net, unrelated.net)
    about = {"method": cell.method, "seed": cell.seed}
    return {name: [{**about, **each} for each in table] for name, table in rows.items()}


def _sources(cell: Cell, pair: SharedCircuits) -> list[Trained]:
    """The source, and a net that learned what neither source nor target contain."""
    assert pair.unrelated_circuit is not None
    tasks = [boolean(x) for x in (pair.source_circuit, pair.unrelated_circuit)]
    start = initial_net(cell.setup, tasks[0].n_inputs, cell.seed)
    return trained(cell, [start, start], tasks)


def _transfers(
    cell: Cell, pair: SharedCircuits, source: Replicas, unrelated: Replicas
) -> list[Row]:
    """Rows of all fractions and conditions."""
    rows = []
    for fraction in cell.setup.fractions:
        found = modular_transfer(
            source,
            boolean(pair.target_circuit),
            cell.setup.learning,
            unrelated=unrelated,
            hidden=cell.setup.wide,
            fraction=fraction,
            rng=cell.seed,
        )
        for place, condition in enumerate(CONDITIONS):
            first = found.steps_to(cell.setup.goal, condition)
            rows.append(
                {
                    "fraction": fraction,
                    "condition": condition,
                    "n_samples": found.n_samples,
                    "accuracy": found.final(condition),
                    "steps_to_goal": first if math.isfinite(first) else None,
                    "steps": int(found.steps[-1]),
                    "density": float(found.density[place]),
                    "learned": int(found.n_learned[place]),
                    "carried": sum(found.n_carried["source"]),
                }
            )
    return rows


def _reused(
    cell: Cell, pairs: list[SharedCircuits], source: Replicas, unrelated: Replicas
) -> dict[str, list[Row]]:
    """Rows of targets that were trained from the source by its method, and of their functions."""
    tasks = [boolean(pair.target_circuit) for pair in pairs]
    n_inputs = tasks[0].n_inputs
    fresh = initial_net(cell.setup, n_inputs, cell.seed + _FRESH)
    # The last one is from the source's initial weights, on a task that has nothing to do with it.
    starts = [started_from(source, fresh)] * len(pairs)
    starts.append(initial_net(cell.setup, n_inputs, cell.seed))
    *targets, confound = trained(cell, starts, [*tasks, tasks[0]])
    rows, functions = [], []
    for k, (pair, target) in enumerate(zip(pairs, targets, strict=True)):
        row = {"shared": k, "accuracy": target.accuracy, "finished": target.finished}
        row["density"] = _density(target.net)
        if target.finished:
            found = _analysed(cell, pair, source, target.net, unrelated)
            row |= _reuse_row(found)
            functions += [{"shared": k, **each} for each in _function_rows(found, pair)]
        rows.append(row)
    if confound.finished and cell.method != "dense":
        found = _analysed(cell, pairs[0], source, confound.net, unrelated)
        rows.append({"shared": CONFOUND, **_reuse_row(found)})
    return {"reuse": rows, "functions": functions}


def _analysed(
    cell: Cell, pair: SharedCircuits, source: Replicas, target: Replicas, unrelated: Replicas
) -> ReuseAnalysis:
    assert pair.unrelated_circuit is not None
    return reuse_analysis(
        NetOnTask(source, pair.source_circuit),
        NetOnTask(target, pair.target_circuit),
        functions=pair.functions,
        detector=cell.setup.detector,
        started_from_source=True,
        unrelated=[NetOnTask(unrelated, pair.unrelated_circuit)],
        n_random=cell.setup.n_random,
        n_draws=cell.setup.n_draws,
        most_unions=cell.setup.most_unions,
        rng=cell.seed,
    )


def _reuse_row(found: ReuseAnalysis) -> Row:
    assert found.start is not None
    shares = found.subtasks.shares
    return {
        **{f"share {name}": share for name, share in shares.items()},
        "degree": found.subtasks.degree,
        "chance": found.subtasks.chance,
        "corrected": found.subtasks.corrected,
        "monolithic": found.subtasks.is_monolithic,
        "mask_reuse": found.start.masks.corrected,
        "similarity": _mean([x.similarity for x in found.matching.pairs]),
        "similarity_chance": _mean([x.chance for x in found.matching.pairs]),
        "matched": _mean([float(x.q <= _LEVEL) for x in found.matching.pairs]),
        "modules_source": found.source.modules.n_modules,
        "modules_target": found.target.modules.n_modules,
    }


def _function_rows(found: ReuseAnalysis, pair: SharedCircuits) -> list[Row]:
    in_source = dict(
        zip(
            found.source.interchange.functions,
            np.nanmax(found.source.interchange.accuracy, axis=0).tolist(),
            strict=True,
        )
    )
    return [
        {
            "function": x.function,
            "is_shared": x.function in pair.shared,
            "verdict": x.verdict,
            "iia_source": in_source[x.function],
            "iia_target": x.iia,
            "similarity": x.similarity,
        }
        for x in found.subtasks.subtasks
    ]


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values)) if values else math.nan


def _density(net: Replicas) -> float:
    return float(net.n_kept()) / net.spec.n_weights
