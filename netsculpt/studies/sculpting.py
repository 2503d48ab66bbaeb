"""A sweep of sculpting: a folder that says what to do, and holds what was done.

plan.json               what to do; written first
rounds/seeds-0-9.pt     where the sculpting of these seeds stands, saved after every round
seed-3/model.pt         the sparsest network of a seed, for `netsculpt.load`
runs.csv, summary.json  every run, and what was found; written last
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import catalog, names
from netsculpt.core.errors import FormatError
from netsculpt.core.parallel import in_parallel
from netsculpt.core.progress import Progress
from netsculpt.core.version import __version__
from netsculpt.core.writing import replacing
from netsculpt.graph.partition import Partition

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.training.sculpting.sculpt import Sculpted, Sculpting
    from netsculpt.training.tasks import Task, Truth

__all__ = ["Network", "Plan", "Run", "Sweep", "grouped_right", "read_plan", "sweep"]

_WEIGHTS_TOGETHER = 20_000_000  # weights in one batch, before pruning
_LONGEST_PLAN = 1 << 26  # bytes
_METHODS = {
    "unit_score": "unit_scores",
    "edge_score": "edge_scores",
    "schedule": "schedules",
}


@dataclass(frozen=True)
class Plan:
    """What a sweep does. Equal plans give equal bytes on the same machine."""

    task: str  # as `netsculpt.training.tasks.given_task` reads it
    widths: tuple[int, ...]
    seeds: tuple[int, ...]
    unit_gradients: tuple[float, ...] = (10.0,)
    edge_gradients: tuple[float, ...] = (2.0,)
    goal_accuracy: float = 1.0
    epochs: int = 40
    batch_size: int = 8
    learning_rate: float = 0.05
    weight_decay: float = 1e-4
    noise: float = 0.1
    unit_score: str = "activation_gradient"
    edge_score: str = "magnitude"
    schedule: str = "linear"
    rewind: bool = False
    single_edges: bool = False
    device: str = "cpu"
    together: int = 1000  # most runs in one stacked batch

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        for name, hint in get_type_hints(Plan).items():
            if not _fits(getattr(self, name), hint):
                raise FormatError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)!r:.80}: "
                    f"{hint if get_args(hint) else hint.__name__} is needed"
                )
        for field_name, package in _METHODS.items():
            if getattr(self, field_name) not in names(package):
                raise FormatError(
                    f"{field_name.replace('_', ' ')} {getattr(self, field_name)!r} is not one of "
                    f"{', '.join(names(package))}"
                )

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """Seeds that are sculpted together, as one stacked batch."""
        n_weights = sum(a * b for a, b in zip(self.widths, self.widths[1:], strict=False))
        n_pairs = len(self.unit_gradients) * len(self.edge_gradients)
        size = max(1, min(self.together, _WEIGHTS_TOGETHER // max(1, n_weights)) // n_pairs)
        return [self.seeds[at : at + size] for at in range(0, len(self.seeds), size)]


@dataclass(frozen=True)
class Run:
    """One (seed, unit gradient, edge gradient)."""

    seed: int
    unit_gradient: float  # percent of the hidden units a step
    edge_gradient: float  # percent of the weights a step
    solved: bool  # the dense network reached the goal; if not, nothing was pruned
    accuracy: float  # share of right answers of the network that is left
    weights: int
    density: float
    sparsest: bool  # of its seed: the one whose model.pt is written


@dataclass(frozen=True)
class Network:
    """The sparsest network of a seed, read back as a graph."""

    run: Run
    model: str  # path of its model.pt, in the folder
    live: tuple[int, ...]  # units of each layer on an input→output path
    inputs_found: Mapping[str, bool | None]  # by detector: inputs grouped as they truly are;
    outputs_found: Mapping[str, bool | None]  # None: the task does not say


@dataclass(frozen=True)
class Sweep:
    """What a sweep gave."""

    plan: Plan
    runs: tuple[Run, ...]
    networks: tuple[Network, ...]  # one for each seed that was solved

    def success(self, detector: str) -> tuple[float | None, float | None]:
        """Share of networks whose inputs, whose outputs were grouped right; None: not known."""
        return (
            _share([network.inputs_found[detector] for network in self.networks]),
            _share([network.outputs_found[detector] for network in self.networks]),
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        detectors = list(self.networks[0].inputs_found) if self.networks else []
        success = {name: self.success(name) for name in detectors}
        return {
            "schema": "netsculpt.sweep/1",
            "netsculpt": __version__,
            "plan": asdict(self.plan),
            "seeds": len(self.plan.seeds),
            "solved": len(self.networks),
            "success": {
                name: {"inputs": inputs, "outputs": outputs}
                for name, (inputs, outputs) in success.items()
            },
            "networks": [asdict(network) for network in self.networks],
        }


def sweep(
    plan: Plan,
    folder: Path,
    *,
    detectors: Sequence[str] = ("sculpting", "path_signature", "functional"),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Sweep:
    """Do what a plan says, or what is left of it, in `folder`.

    Parameters
    ----------
    plan
        What to do.
    folder
        New, or one that a sweep of the same plan was broken off in: it goes on from the last
        round of every batch, to the same bits.
    detectors
        By which the networks are judged: names of `netsculpt.modules.detectors` and
        `netsculpt.modules.data_aware`.
    jobs
        Processes that share the batches; −1: one a core. It changes no result.
    progress
        Told after every round (with more than one job, after every batch).

    Raises
    ------
    FormatError
        If the folder holds another plan, or the task is not the one that it was begun with.
    LimitError
        If the device is not there.
    """
    from netsculpt.training.fitting.devices import usable_device

    usable_device(plan.device)
    task = _task(plan)
    _process(plan, task, plan.seeds[:1])  # what cannot be done is refused before it is begun
    _begin(plan, folder, task)
    batches = plan.batches
    one = partial(_sculpted, plan, folder, progress=progress if jobs == 1 else None)
    runs: list[Run] = []
    for done, found in enumerate(in_parallel(one, len(batches), jobs), start=1):
        runs += found
        if progress and len(batches) > 1:
            progress("batches", done, len(batches))
    networks = tuple(_judged(run, folder, task, detectors) for run in runs if run.sparsest)
    result = Sweep(plan, tuple(runs), networks)
    _write(result, folder)
    return result


def read_plan(folder: Path) -> Plan:
    """The plan of a folder that a sweep was begun in."""
    path = folder / "plan.json"
    try:
        if path.stat().st_size > _LONGEST_PLAN:
            raise ValueError(f"it is longer than {_LONGEST_PLAN} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        return Plan(**content["plan"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(
            f"{path} cannot be read as the plan of a sweep ({error}): name a folder that "
            "'netsculpt sculpt -o' of this version wrote"
        ) from None


def _fits(value: object, hint: Any) -> bool:
    """Whether a value, maybe read from a file, is of the type that a field names."""
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(x, get_args(hint)[0]) for x in value)
    return type(value) in ((float, int) if hint is float else (hint,))


def _task(plan: Plan) -> Task:
    from netsculpt.training.tasks import given_task

    return given_task(plan.task, rng=0)


def _begin(plan: Plan, folder: Path, task: Task) -> None:
    """Write the plan, or find the same one."""
    content = json.loads(json.dumps({"plan": asdict(plan), "task": _fingerprint(task)}))
    path = folder / "plan.json"
    (folder / "rounds").mkdir(parents=True, exist_ok=True)
    if path.exists():
        known = read_plan(folder)
        differing = [
            x.name for x in fields(Plan) if getattr(known, x.name) != getattr(plan, x.name)
        ]
        if differing:
            name = differing[0]
            raise FormatError(
                f"{folder} was begun with {name.replace('_', ' ')} {getattr(known, name)!r}, this "
                f"is {getattr(plan, name)!r}: use the same or another folder"
            )
        if json.loads(path.read_text(encoding="utf-8")).get("task") != content["task"]:
            raise FormatError(
                f"task {plan.task!r} has other samples than when {folder} was begun: its file "
                "changed, or another netsculpt made it; use another folder"
            )
        return
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def _fingerprint(task: Task) -> str:
    digest = hashlib.sha256()
    for part in (task, task.validation):
        for tensor in (part.inputs, part.targets):
            digest.update(tensor.numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def _sculpted(plan: Plan, folder: Path, at: int, *, progress: Progress | None) -> list[Run]:
    """One batch of seeds: sculpt it, write its models, tell its runs."""
    from netsculpt.training.sculpting.retraining import accuracy
    from netsculpt.training.sculpting.saved import finish

    seeds, task = plan.batches[at], _task(plan)
    process = _process(plan, task, seeds)
    path = folder / "rounds" / f"seeds-{seeds[0]}-{seeds[-1]}.pt"
    found = finish(process, path, progress=progress)
    chosen, n_weights = set(found.sparsest()), found.replicas.spec.n_weights
    kept = found.replicas.n_kept().tolist()
    right = accuracy(found.replicas, task).tolist()
    solved = found.solved.tolist()
    runs = [
        Run(*row, solved[i], right[i], kept[i], kept[i] / n_weights, i in chosen)
        for i, row in enumerate(
            zip(found.seeds, found.unit_gradients, found.edge_gradients, strict=True)
        )
    ]
    for i in sorted(chosen):
        _write_model(plan, folder, found, i, runs[i])
    return runs


def _process(plan: Plan, task: Task, seeds: Sequence[int]) -> Sculpting:
    from netsculpt.nets.families import MLP
    from netsculpt.training.sculpting.retraining import Settings
    from netsculpt.training.sculpting.sculpt import Rule, Sculpting

    chosen = {field: catalog(package)[getattr(plan, field)] for field, package in _METHODS.items()}
    return Sculpting(
        MLP(plan.widths),
        task,
        Settings(plan.epochs, plan.batch_size, plan.learning_rate, plan.weight_decay, plan.noise),
        seeds=seeds,
        unit_gradients=plan.unit_gradients,
        edge_gradients=plan.edge_gradients,
        goal_accuracy=plan.goal_accuracy,
        rule=Rule(**chosen, rewind=plan.rewind, single_edges=plan.single_edges),
        device=plan.device,
    )


def _write_model(plan: Plan, folder: Path, found: Sculpted, at: int, run: Run) -> None:
    from netsculpt.files.checkpoint import write_model

    state, masks = found.replicas.state(at)
    path = folder / _model_of(run)
    path.parent.mkdir(exist_ok=True)
    write_model(
        path,
        net=found.replicas.spec.spec,
        state=state,
        masks=masks,
        metadata={"made_by": f"netsculpt {__version__}", "plan": asdict(plan), "run": asdict(run)},
    )


def _model_of(run: Run) -> str:
    return f"seed-{run.seed}/model.pt"


def grouped_right(graph: NetGraph, partition: Partition, truth: Truth) -> tuple[bool, bool]:
    """Whether a partition groups inputs, and outputs, as they truly are."""
    labels = partition.labels
    return (
        _same(labels[graph.inputs], truth.input_groups),
        _same(labels[graph.outputs], truth.output_groups),
    )


def _judged(run: Run, folder: Path, task: Task, detectors: Sequence[str]) -> Network:
    """Read a model back as anybody would, and compare what detectors find with the truth."""
    from netsculpt.loading import load
    from netsculpt.training.influence import measured_influence

    path = folder / _model_of(run)
    graph = load(path)
    data_aware = catalog("data_aware")
    inputs_found: dict[str, bool | None] = {}
    outputs_found: dict[str, bool | None] = {}
    for name in detectors:
        if name in data_aware:
            partition = data_aware[name](graph, measured_influence(path, task))
        else:
            partition = catalog("detectors")[name](graph, rng=run.seed)
        right = grouped_right(graph, partition, task.truth) if task.truth else (None, None)
        inputs_found[name], outputs_found[name] = right
    live = tuple(layer.n_units for layer in graph.live().layers)
    return Network(run, _model_of(run), live, inputs_found, outputs_found)


def _same(labels: NDArray[np.integer[Any]], truth: Partition) -> bool:
    """The same groups, whatever their numbers; a unit without a module (−1) equals none."""
    return np.array_equal(Partition(labels).labels, truth.labels)


def _share(found: Sequence[bool | None]) -> float | None:
    known = [x for x in found if x is not None]
    return sum(known) / len(known) if known else None


def _write(result: Sweep, folder: Path) -> None:
    with replacing(folder / "runs.csv") as file:
        text_file = TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.DictWriter(text_file, [x.name for x in fields(Run)])
        table.writeheader()
        table.writerows(asdict(run) for run in result.runs)
        text_file.detach()
    text = json.dumps(result.summary(), indent=2, allow_nan=False)
    with replacing(folder / "summary.json") as file:
        file.write((text + "\n").encode())
