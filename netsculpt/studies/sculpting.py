"""A sweep of sculpting: networks of one task, many seeds and gradients, in one folder.

plan.json               the configuration, and which detectors judge; written first
rounds/seeds-0-9.pt     state of a batch of seeds, saved after every round
seed-3/model.pt         the sparsest network of a seed, for `netsculpt.load`
seed-3/history/         its masks after every round
runs.csv, summary.json  every run, and what the detectors find; written last
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import named, names
from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.folders import MASKS, file_names
from netsculpt.core.locking import held
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.printable import printable
from netsculpt.core.progress import Progress
from netsculpt.core.version import __version__
from netsculpt.core.writing import replacing, write_json
from netsculpt.graph.partition import Partition
from netsculpt.studies.folder import PLAN
from netsculpt.studies.study import Study

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.nets.families import NetSpec
    from netsculpt.training.sculpting.process import Process
    from netsculpt.training.sculpting.result import Runs
    from netsculpt.training.sculpting.trail import Round
    from netsculpt.training.tasks import Task, Truth

__all__ = ["DETECTORS", "PLAN", "Network", "Run", "Sweep", "SweepConfig", "is_grouped"]
__all__ += ["read_config", "read_detectors", "sweep"]

DETECTORS = ("sculpting", "path_signature", "functional")  # unless others are chosen

_SCHEMA = "netsculpt.sculpting/1"
_WEIGHTS_TOGETHER = 20_000_000  # weights in one batch, before pruning
_LONGEST_CONFIG = 1 << 26  # bytes of plan.json
_OF_SCULPT = "name a folder that 'netsculpt sculpt -o' of this version wrote"
_METHODS = ("unit_score", "edge_score", "schedule")  # each names a method of its catalogue, + s
_TRAINING = ("epochs", "batch_size", "learning_rate", "weight_decay", "noise")


@dataclass(frozen=True)
class SweepConfig:
    """What is sculpted, and how. Equal configurations give equal bytes on the same machine."""

    task: str  # as `netsculpt.training.tasks.parse_task` reads it
    widths: tuple[int, ...]  # of a multi-layer perceptron; none: the net is `net`
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
    published: bool = False  # with the protocol of the authors' code
    device: str = "cpu"
    together: int = 1000  # at most so many runs in one stacked batch
    net: str = ""  # of another kind, as `netsculpt.nets.written` reads it; trained one by one

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(SweepConfig).items():
            if isinstance(getattr(self, name), list):  # as plan.json has it
                object.__setattr__(self, name, tuple(getattr(self, name)))
            if not _fits(getattr(self, name), hint):
                raise FormatError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)!r:.80}: "
                    f"{hint if get_args(hint) else hint.__name__} is needed"
                )
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else [values]:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    checked_number(value, name.replace("_", " "))
        for name, least in {"epochs": 1, "batch_size": 1, "together": 1}.items():
            checked_whole(getattr(self, name), name.replace("_", " "), least=least)
        for name in ("widths", "seeds", "unit_gradients", "edge_gradients"):
            if not getattr(self, name) and not (name == "widths" and self.net):
                raise FormatError(f"{name.replace('_', ' ')} is empty: at least one is needed")
        if self.widths and self.net:
            raise FormatError(
                f"widths are {self.widths}, and the net is {self.net!r:.80}: give one of the two"
            )
        for name in _METHODS:
            if getattr(self, name) not in names(f"{name}s"):
                raise FormatError(
                    f"{name.replace('_', ' ')} {getattr(self, name)!r} is not one of "
                    f"{', '.join(names(f'{name}s'))}"
                )

    @property
    def spec(self) -> NetSpec:
        """The net."""
        from netsculpt.nets.families import MLP
        from netsculpt.nets.written import spec_from_text

        return spec_from_text(self.net) if self.net else MLP(self.widths)

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """Seeds that are sculpted together, as one stacked batch; of nets of other kinds each."""
        if self.net:
            return [(seed,) for seed in self.seeds]
        n_weights = sum(a * b for a, b in zip(self.widths, self.widths[1:], strict=False))
        n_pairs = len(self.unit_gradients) * len(self.edge_gradients)
        size = max(1, min(self.together, _WEIGHTS_TOGETHER // max(1, n_weights)) // n_pairs)
        return [self.seeds[start : start + size] for start in range(0, len(self.seeds), size)]


@dataclass(frozen=True)
class Run:
    """One (seed, unit gradient, edge gradient)."""

    seed: int
    unit_gradient: float  # percent of the hidden units per step
    edge_gradient: float  # percent of the weights per step
    solved: bool  # whether it reaches the goal; by the strict protocol it is dense if not
    accuracy: float  # share of right answers of the sculpted network
    weights: int
    density: float
    sparsest: bool  # of its seed: the one whose model.pt is written

    @property
    def model(self) -> str:
        """Path of its model.pt, in the folder."""
        return f"seed-{self.seed}/model.pt"

    @property
    def history(self) -> str:
        """Path of the folder with what happened to it, in the folder."""
        return f"seed-{self.seed}/history"


@dataclass(frozen=True)
class Network:
    """The sparsest network of a seed, read back as a graph."""

    run: Run
    model: str  # path of its model.pt, in the folder
    live: tuple[int, ...]  # units of each layer on an input→output path
    inputs_found: Mapping[str, bool | None]  # by detector: whether inputs are grouped as in truth
    outputs_found: Mapping[str, bool | None]  # None: the task has no known truth


@dataclass(frozen=True)
class Sweep:
    """Results of a sweep."""

    config: SweepConfig
    runs: tuple[Run, ...]
    networks: tuple[Network, ...]  # one for each seed that reached the goal
    rounds: Mapping[int, tuple[Round, ...]] = field(default_factory=dict)  # of these seeds

    def success(self, detector: str) -> tuple[float | None, float | None]:
        """Shares of networks whose inputs and whose outputs are grouped right; None: unknown."""
        return (
            _share([network.inputs_found[detector] for network in self.networks]),
            _share([network.outputs_found[detector] for network in self.networks]),
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        detectors = self.networks[0].inputs_found if self.networks else {}
        return {
            "schema": "netsculpt.sweep/1",
            "netsculpt": __version__,
            "plan": asdict(self.config),
            "seeds": len(self.config.seeds),
            "solved": len(self.networks),
            "success": {
                name: dict(zip(("inputs", "outputs"), self.success(name), strict=True))
                for name in detectors
            },
            "networks": [asdict(network) for network in self.networks],
        }


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
    _require_own(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        _begin(config, folder, task, detectors)
        batches = [replace(config, seeds=seeds) for seeds in config.batches]
        each_round = progress if jobs == 1 else None
        study = Study("sweep", batches, partial(_sculpted, config, folder, each_round))
        results = study.run(jobs=jobs, progress=progress if len(batches) > 1 else None)
        runs = tuple(Run(**row) for row in results.rows["runs"])
        networks = tuple(_judged(run, folder, task, detectors) for run in runs if run.sparsest)
        result = Sweep(config, runs, networks, _rounds(results.rows.get("rounds", [])))
        _write(result, folder)
    return result


def read_config(folder: Path) -> SweepConfig:
    """Configuration of the sweep in a folder."""
    return _read_plan(folder)[0]


def read_detectors(folder: Path) -> tuple[str, ...]:
    """Names of the detectors that judge the sweep in a folder: those of the last call.

    Folders of versions that did not write them down: `DETECTORS`.
    """
    return _read_plan(folder)[2]


def _require_own(folder: Path) -> None:
    """Raise unless a folder is new, empty or of a sweep; what is written through a link, is not."""
    names = file_names(folder) if folder.is_dir() else []
    if names and PLAN not in names:
        raise FolderError(
            printable(
                f"{folder} holds {names[0]!r:.80} and no sculpting (no {PLAN}): name a new folder"
            )
        )
    links = [name for name in names if folder.joinpath(name).is_symlink()]
    if links:
        raise FolderError(
            printable(
                f"{links[0]!r:.80} in {folder} is a link, which is not followed: put the files "
                "themselves there, or name another folder"
            )
        )


def _read_plan(folder: Path) -> tuple[SweepConfig, Any, tuple[str, ...]]:
    """Configuration, fingerprint of the task, and detectors."""
    path = folder / PLAN
    try:
        if path.stat().st_size > _LONGEST_CONFIG:
            raise ValueError(f"it is longer than {_LONGEST_CONFIG} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        known = isinstance(content, dict) and {"plan", "task"} <= set(content)
        detectors = content.get("detectors") if known else None
        if not known or content != _sealed(content["plan"], content["task"], detectors):
            raise ValueError("it was edited, or is of another version: its fingerprint differs")
        if detectors is not None and not _fits(tuple(detectors), tuple[str, ...]):
            raise ValueError("its detectors are not a list of names")
        chosen = DETECTORS if detectors is None else tuple(detectors)
        return SweepConfig(**content["plan"]), content["task"], chosen
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}): {_OF_SCULPT}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) if str(error) else type(error).__name__
        raise FormatError(
            printable(
                f"{path} cannot be read as the configuration of a sweep ({reason:.200}): "
                f"{_OF_SCULPT}"
            )
        ) from None


def _sealed(plan: Mapping[str, Any], task: object, detectors: object) -> dict[str, Any]:
    """What plan.json holds; None: a version that did not write down the detectors."""
    content = {"schema": _SCHEMA, "plan": plan, "task": task}
    if detectors is not None:
        content["detectors"] = detectors
    encoded = json.dumps(content, sort_keys=True, allow_nan=False).encode()
    return {**content, "sha256": hashlib.sha256(encoded).hexdigest()}


def _fits(value: object, hint: Any) -> bool:
    """Whether a value, perhaps read from a file, has the type of a field."""
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(x, get_args(hint)[0]) for x in value)
    return type(value) in ((float, int) if hint is float else (hint,))


def _task(config: SweepConfig) -> Task:
    from netsculpt.training.tasks import parse_task

    return parse_task(config.task, rng=0)


def _begin(config: SweepConfig, folder: Path, task: Task, detectors: Sequence[str]) -> None:
    """Write the configuration, or check that the folder has the same; note the detectors."""
    content = _sealed(asdict(config), _fingerprint(task), list(detectors))
    path = folder / PLAN
    if not path.exists():
        write_json(path, content)
        return
    before, samples, judges = _read_plan(folder)
    for each in fields(SweepConfig):
        old, new = getattr(before, each.name), getattr(config, each.name)
        if old != new:
            raise FormatError(
                f"{folder} was begun with {each.name.replace('_', ' ')} {old!r}, this is "
                f"{new!r}: use the same or another folder"
            )
    if samples != content["task"]:
        raise FormatError(
            f"task {config.task!r} has other samples than when {folder} was begun: its file "
            "changed, or another version of netsculpt made it; use another folder"
        )
    if judges != tuple(detectors):
        write_json(path, content)


def _fingerprint(task: Task) -> str:
    digest = hashlib.sha256()
    for part in (task, task.validation):
        for tensor in (part.inputs, part.targets):
            digest.update(tensor.numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


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

    methods: dict[str, Any] = {name: named(f"{name}s", getattr(config, name)) for name in _METHODS}
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


def is_grouped(
    graph: NetGraph, partition: Partition, truth: Truth
) -> tuple[bool | None, bool | None]:
    """Whether a partition groups the inputs, and the outputs, as the truth does.

    The numbers of the groups do not matter; a unit without a module is in none. A unit may stand
    for several inputs in a row, as a channel of an image does; None: they are of several groups.
    """
    return (
        _is_grouped(partition.labels[graph.inputs], truth.input_groups.labels),
        _is_grouped(partition.labels[graph.outputs], truth.output_groups.labels),
    )


def _is_grouped(found: NDArray[np.int32], true: NDArray[np.int32]) -> bool | None:
    """Whether labels of units are the same groups as those of what they stand for."""
    each, rest = divmod(true.size, max(found.size, 1))
    if not each or rest or (true.reshape(-1, each) != true[::each, None]).any():
        return None
    return np.array_equal(Partition(found).labels, Partition(true[::each]).labels)


def _judged(run: Run, folder: Path, task: Task, detectors: Sequence[str]) -> Network:
    """Read a model from its file, and compare what the detectors find with the truth."""
    from netsculpt.loading import load
    from netsculpt.pipeline import detector_of
    from netsculpt.training.influence import measured_influence

    path = folder / run.model
    graph = load(path)
    by_data = set(detectors).intersection(names("data_aware"))
    influence = measured_influence(path, task) if by_data else None
    inputs_found: dict[str, bool | None] = {}
    outputs_found: dict[str, bool | None] = {}
    for name in detectors:
        partition = detector_of(name, graph, influence)(graph, rng=run.seed)
        verdicts = is_grouped(graph, partition, task.truth) if task.truth else (None, None)
        inputs_found[name], outputs_found[name] = verdicts
    live = tuple(layer.n_units for layer in graph.live().layers)
    return Network(run, run.model, live, inputs_found, outputs_found)


def _share(verdicts: Sequence[bool | None]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return sum(known) / len(known) if known else None


def _write(result: Sweep, folder: Path) -> None:
    with replacing(folder / "runs.csv") as file:
        text_file = TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.DictWriter(text_file, [each.name for each in fields(Run)])
        table.writeheader()
        table.writerows(asdict(run) for run in result.runs)
        text_file.detach()
    write_json(folder / "summary.json", result.summary())
