"""Sculpting all networks of a configuration, batch by batch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.catalog import named
from netsculpt.core.folders import MASKS
from netsculpt.core.locking import held
from netsculpt.core.progress import Progress
from netsculpt.core.version import __version__
from netsculpt.core.writing import replacing, write_json
from netsculpt.studies.sculpting.config import METHODS, SweepConfig
from netsculpt.studies.sculpting.judging import judged
from netsculpt.studies.sculpting.plan import DETECTORS, begin, require_own
from netsculpt.studies.sculpting.result import Run, Sweep
from netsculpt.studies.study import Study

if TYPE_CHECKING:
    from netsculpt.training.sculpting.process import Process
    from netsculpt.training.sculpting.result import Runs
    from netsculpt.training.sculpting.trail import Round
    from netsculpt.training.tasks import Task

__all__ = ["sweep"]

_TRAINING: Final = ("epochs", "batch_size", "learning_rate", "weight_decay", "noise")


def sweep(
    config: SweepConfig,
    folder: Path,
    *,
    detectors: Sequence[str] = DETECTORS,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Sweep:
    """Sculpt all networks of a configuration, or those that are left to do in `folder`.

    Parameters
    ----------
    folder
        A new folder, or that of an interrupted sweep with the same configuration, which resumes
        from the last round of every batch, to the same bits.
    detectors
        Names of `netsculpt.modules.detectors` and `netsculpt.modules.data_aware` that look for
        the structure of the task in the networks; a later call may name others.
    jobs
        Processes that share the batches; −1: one per core. It changes no result.
    progress
        Called after every round, and after every batch if there are several. With more than one
        job: after every batch only.

    Raises
    ------
    FormatError
        If the folder holds a sweep with another configuration or other samples of the task, or
        anything else but a sweep, or links.
    BusyError
        If another process sculpts in the folder.
    LimitError
        If the device does not exist.
    """
    from netsculpt.training.fitting.devices import usable_device

    usable_device(config.device)
    task = _task(config)
    _process(replace(config, seeds=config.seeds[:1]), task)  # fails before anything is written
    require_own(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        begin(config, folder, task, detectors)
        batches = [replace(config, seeds=seeds) for seeds in config.batches]
        each_round = progress if jobs == 1 else None
        study = Study("sweep", batches, partial(_sculpted, config, folder, each_round))
        results = study.run(jobs=jobs, progress=progress if len(batches) > 1 else None)
        runs = tuple(Run(**row) for row in results.rows["runs"])
        networks = tuple(judged(run, folder, task, detectors) for run in runs if run.sparsest)
        result = Sweep(config, runs, networks, _rounds(results.rows.get("rounds", [])))
        _write(result, folder)
    return result


def _task(config: SweepConfig) -> Task:
    from netsculpt.training.tasks import parse_task

    return parse_task(config.task, rng=0)


def _sculpted(
    config: SweepConfig, folder: Path, progress: Progress | None, batch: SweepConfig
) -> dict[str, list[dict[str, Any]]]:
    """Sculpt one batch of the configured seeds, write its models and their masks; rows of tables.

    "runs" has every run, "rounds" what the sparsest of each seed tried.
    """
    from netsculpt.training.history import write_rounds
    from netsculpt.training.sculpting.saved import finish

    task = _task(config)
    path = folder / "rounds" / f"seeds-{batch.seeds[0]}-{batch.seeds[-1]}.pt"
    process = _process(batch, task)
    sculpted = finish(process, path, progress=progress)
    chosen, n_weights = set(sculpted.sparsest()), sculpted.replicas.n_weights
    rows = zip(
        sculpted.seeds,
        sculpted.unit_gradients,
        sculpted.edge_gradients,
        sculpted.solved.tolist(),
        process.kind.accuracy(sculpted.replicas, task).tolist(),
        sculpted.replicas.n_kept().tolist(),
        strict=True,
    )
    runs = [
        Run(seed, unit, edge, solved, right, kept, kept / n_weights, replica in chosen)
        for replica, (seed, unit, edge, solved, right, kept) in enumerate(rows)
    ]
    tried: list[dict[str, Any]] = []
    for replica in sorted(chosen):
        run, rounds = runs[replica], process.rounds(replica)
        assert rounds is not None  # what is solved was pruned
        _write_model(config, folder, sculpted, replica, run)
        write_rounds(rounds, config.spec, folder / run.history / MASKS)
        tried += [{"seed": run.seed, **asdict(each)} for each in rounds.rounds]
    return {"runs": [asdict(run) for run in runs], "rounds": tried}


def _rounds(rows: Sequence[Mapping[str, Any]]) -> dict[int, tuple[Round, ...]]:
    """The rounds of each seed, of rows of "rounds"."""
    from netsculpt.training.sculpting.trail import Round

    found: dict[int, list[Round]] = {}
    for row in rows:
        values = {name: x for name, x in row.items() if name in Round.__dataclass_fields__}
        found.setdefault(row["seed"], []).append(Round(**values))
    return {seed: tuple(rounds) for seed, rounds in found.items()}


def _process(config: SweepConfig, task: Task) -> Process[Any]:
    from netsculpt.nets.families import MLP
    from netsculpt.training.fitting.recipe import Recipe
    from netsculpt.training.sculpting.grid import Grid
    from netsculpt.training.sculpting.method import SculptingMethod, as_published
    from netsculpt.training.sculpting.nets.kind import Nets
    from netsculpt.training.sculpting.perceptrons import Perceptrons
    from netsculpt.training.sculpting.process import Process

    methods: dict[str, Any] = {name: named(f"{name}s", getattr(config, name)) for name in METHODS}
    method = SculptingMethod(**methods, rewind=config.rewind, single_edges=config.single_edges)
    recipe = Recipe(**{name: getattr(config, name) for name in _TRAINING})
    spec = config.spec
    kind: Any = Perceptrons(spec) if isinstance(spec, MLP) else Nets.of(spec, task)
    if not isinstance(spec, MLP):  # these take longer: a training ends when it reaches the goal
        recipe = replace(recipe, goal_accuracy=config.goal_accuracy)
    grid = Grid(config.seeds, config.unit_gradients, config.edge_gradients, config.goal_accuracy)
    return Process(
        kind,
        task,
        recipe,
        grid,
        method=as_published(method) if config.published else method,
        device=config.device,
    )


def _write_model(
    config: SweepConfig, folder: Path, sculpted: Runs[Any], replica: int, run: Run
) -> None:
    from netsculpt.files.model import write_model

    state, masks = sculpted.replicas.state(replica)
    path = folder / run.model
    path.parent.mkdir(exist_ok=True)
    write_model(
        path,
        net=sculpted.replicas.spec.spec,
        state=state,
        masks=masks,
        metadata={
            "made_by": f"netsculpt {__version__}",
            "plan": asdict(config),
            "run": asdict(run),
        },
    )


def _write(result: Sweep, folder: Path) -> None:
    with replacing(folder / "runs.csv") as file:
        text_file = TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.DictWriter(text_file, [each.name for each in fields(Run)])
        table.writeheader()
        table.writerows(asdict(run) for run in result.runs)
        text_file.detach()
    write_json(folder / "summary.json", result.summary())
