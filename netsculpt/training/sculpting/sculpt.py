"""Neural Sculpting: prune units, then edges, while the task stays solved.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402. Here many replicas
(seeds × unit gradients × edge gradients) are sculpted as one stacked batch, round by round.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.callables import name_of
from netsculpt.core.errors import FormatError, LimitError, NumberError
from netsculpt.core.numbers import checked_whole, is_number, shown
from netsculpt.core.progress import Progress
from netsculpt.core.random import stream
from netsculpt.files.saved_state import digest
from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.pruning.schedules import linear
from netsculpt.training.sculpting.cuts import without_edges, without_units
from netsculpt.training.sculpting.edge_scores.magnitude import magnitude
from netsculpt.training.sculpting.percentile_pruning import (
    PercentilePruning,
    ReplicaScore,
    Schedule,
)
from netsculpt.training.sculpting.progress import (
    check_like,
    check_replicas,
    check_rows,
    check_runs,
)
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, accuracy, check_recipe, train
from netsculpt.training.sculpting.single_edge_pruning import SingleEdgePruning
from netsculpt.training.sculpting.unit_scores.activation_gradient import activation_gradient
from netsculpt.training.tasks import Task

__all__ = [
    "PUBLISHED",
    "STRICT",
    "Sculpted",
    "Sculpting",
    "SculptingMethod",
    "as_published",
    "sculpt",
]

STAGES = ("dense", "units", "retraining", "edges", "single edges", "finished")
BRANCHING = ("units", "edges")  # stages before which a run is split into one per gradient

_MOST_SHOWN = 10  # seeds in a message

# Of a stage, step by step; its tensors are its state.
Pruning = PercentilePruning | SingleEdgePruning


@dataclass(frozen=True)
class SculptingMethod:
    """Scores, schedule, extra stages and protocol of sculpting.

    By default (`STRICT`) every net that is pruned, and every net that is kept, reaches the goal.
    The code that the authors published differs in five details, which can be chosen one by one;
    `PUBLISHED` has them all:

    prunes_unsolved
        A dense net that misses the goal is pruned, too: with fewer units it may reach it. If no
        step of unit pruning does, the run ends, and the net stays dense.
    keeps_retrained
        The nets that are retrained between unit and edge pruning go on as they are. Otherwise a
        retraining that misses the goal is discarded.
    small_steps
        A scheduled step of less than one item is taken as it is, and ends the run if it is
        rejected. Otherwise it is raised to one item. Halved steps are raised either way.
    latest_epoch
        If one batch holds all samples, the latest of the most accurate epochs is kept, not that of
        lowest loss: their loss is divided by the number of batches less one, and so infinite.
    edge_gradient_first
        Of the equally sparse nets of a seed, those of the first edge gradient are preferred, then
        those of the first unit gradient. Otherwise the unit gradient decides first.
    """

    unit_score: ReplicaScore = activation_gradient  # from netsculpt.training.sculpting.unit_scores
    edge_score: ReplicaScore = magnitude  # from netsculpt.training.sculpting.edge_scores
    schedule: Schedule = linear  # from netsculpt.training.pruning.schedules
    rewind: bool = False  # retrain from the initial weights, as for lottery tickets
    single_edges: bool = False  # finally try to prune each edge alone, the least important first
    prunes_unsolved: bool = False
    keeps_retrained: bool = False
    small_steps: bool = False
    latest_epoch: bool = False
    edge_gradient_first: bool = False


def as_published(method: SculptingMethod) -> SculptingMethod:
    """The same scores, schedule and extra stages with the protocol of the authors' code.

    >>> as_published(SculptingMethod(rewind=True)).prunes_unsolved
    True
    """
    return replace(
        method,
        prunes_unsolved=True,
        keeps_retrained=True,
        small_steps=True,
        latest_epoch=True,
        edge_gradient_first=True,
    )


STRICT = SculptingMethod()
PUBLISHED = as_published(STRICT)


@dataclass(frozen=True, eq=False)
class Sculpted:
    """Sculpted replicas, one for each (seed, unit gradient, edge gradient), in that order."""

    replicas: Replicas
    seeds: tuple[int, ...]  # [R]
    unit_gradients: tuple[float, ...]  # [R] percent of the hidden units per step
    edge_gradients: tuple[float, ...]  # [R] percent of the weights per step
    solved: Tensor  # bool [R]: the net reaches the goal; by the strict protocol it is dense if not
    edge_gradient_first: bool = False  # of the method

    def sparsest(self) -> list[int]:
        """Index of the replica with the fewest weights of each solved seed, in the order of seeds.

        Of equally sparse ones the first: with the first unit gradient, and of these with the first
        edge gradient; or the other way round if the method says so.
        """
        kept, best = self.replicas.n_kept().tolist(), dict[int, int]()
        for index in self._by_preference():
            seed = self.seeds[index]
            if self.solved[index] and (seed not in best or kept[index] < kept[best[seed]]):
                best[seed] = index
        return sorted(best.values())

    def _by_preference(self) -> Iterable[int]:
        if not self.edge_gradient_first:
            return range(len(self.seeds))
        gradients = dict.fromkeys(self.edge_gradients)
        order = {gradient: place for place, gradient in enumerate(gradients)}
        return sorted(range(len(self.seeds)), key=lambda row: order[self.edge_gradients[row]])


def sculpt(
    spec: MLP,
    task: Task,
    recipe: Recipe = SCULPTING,
    *,
    seeds: Sequence[int],
    unit_gradients: Sequence[float] = (10.0,),
    edge_gradients: Sequence[float] = (2.0,),
    goal_accuracy: float = 1.0,
    method: SculptingMethod = STRICT,
    published: bool = False,
    initial: Replicas | None = None,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> Sculpted:
    r"""Train dense nets and prune units, then edges, as long as retrained nets reach the goal.

    Step i prunes all that scores at or below a percentile, with the linear schedule i × gradient:
    of all hidden units by \|activation × gradient\|, then of all weights by \|weight\|. If
    retraining misses the goal, the step is undone and halved; when a step of a single unit (edge)
    fails, units (edges) are done. `Sculpting` does the same in rounds that can be saved.

    Parameters
    ----------
    spec
        The net: its first and last width are the task's inputs and outputs.
    task
        The task to learn.
    recipe
        How nets are trained, at first and after every step: by Adam at a constant rate.
    seeds
        One dense net per seed; all runs of the seed start from it.
    unit_gradients, edge_gradients
        Percent of all hidden units, and of all weights, per step; each pair is a separate run.
    goal_accuracy
        Lowest accepted share of right answers on the noise-free samples, 0 … 1.
    method
        Scores, schedule, extra stages and protocol, if not those of the paper.
    published
        Follow the authors' code where it differs from the above (see `SculptingMethod`): short
        for ``method=as_published(method)``.
    initial
        Nets to start from, one for each seed, such as nets trained on another task. None: fresh
        ones.
    device
        Where to compute: "cpu", "cuda", "cuda:1", …
    progress
        Called after every round with its stage, the runs that ended it, and all runs.

    Returns
    -------
    Sculpted
        seeds × unit gradients × edge gradients replicas.

    Raises
    ------
    FormatError
        If the net does not fit the task, or a gradient is not a percentage.
    """
    process = Sculpting(
        spec,
        task,
        recipe,
        seeds=seeds,
        unit_gradients=unit_gradients,
        edge_gradients=edge_gradients,
        goal_accuracy=goal_accuracy,
        method=as_published(method) if published else method,
        initial=initial,
        device=device,
    )
    while not process.finished:
        done = process.advance()
        if progress:
            progress(*done)
    return process.result()


class Sculpting:
    """The sculpting of some seeds, between two rounds.

    A round prunes a step, retrains, and accepts or undoes the step, in all active runs. `state` is
    everything that later rounds depend on: restored into an object with the same arguments, it
    leads to the same bits. The arguments are those of `sculpt`.
    """

    def __init__(
        self,
        spec: MLP,
        task: Task,
        recipe: Recipe = SCULPTING,
        *,
        seeds: Sequence[int],
        unit_gradients: Sequence[float] = (10.0,),
        edge_gradients: Sequence[float] = (2.0,),
        goal_accuracy: float = 1.0,
        method: SculptingMethod = STRICT,
        initial: Replicas | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        check_recipe(recipe)
        _check(spec, task, seeds, goal_accuracy, unit_gradients, edge_gradients)
        if initial is not None and (initial.spec, initial.n_replicas) != (spec, len(seeds)):
            raise FormatError(
                f"{initial.n_replicas} nets of {initial.spec} to start from, for {len(seeds)} "
                f"seeds of {spec}: one of that shape for each seed is needed"
            )
        self._task, self._recipe, self._method = task.to(device), recipe, method
        self._seeds, self._goal = tuple(seeds), goal_accuracy
        self._gradients = tuple(unit_gradients), tuple(edge_gradients)
        self._started = None if initial is None else digest(initial.parameters | _masks(initial))
        self._initial = (initial or initial_replicas(spec, seeds)).to(device)
        self.stage = STAGES[0]  # of the next round
        self._dense = self._accepted = self._initial
        self._reached = torch.zeros(len(seeds), dtype=torch.bool)  # the goal, by row of _accepted
        self._runs: list[tuple[int, ...]] = [(seed,) for seed in range(len(seeds))]
        self._active = torch.arange(len(seeds))  # rows of _accepted that this stage still prunes
        self._rngs = [stream(seed, "sculpt", "dense") for seed in seeds]  # one per row
        self._pruning: Pruning | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What decides all rounds, JSON-able: net, task, recipe, seeds and method, by its names."""
        units, edges = self._gradients
        started = {} if self._started is None else {"initial nets": self._started}
        return {
            "kind": "sculpting",
            **started,
            "net": self._initial.spec.spec,
            "task": self._task.about,
            "recipe": asdict(self._recipe),
            "seeds": self._seeds,
            "unit gradients": units,
            "edge gradients": edges,
            "goal accuracy": self._goal,
            "method": {
                key: x if isinstance(x, bool) else name_of(x)
                for key, x in vars(self._method).items()
            },
        }

    @property
    def finished(self) -> bool:
        """Whether no round is left."""
        return self.stage == STAGES[-1]

    @property
    def accepted(self) -> Replicas:
        """The nets as they are after the last round, one per run; not copies."""
        return self._accepted

    def advance(self) -> tuple[str, int, int]:
        """Do one round, and open the next stage if the round ended this one.

        Returns the stage of the round, the number of runs that have ended it, and of all runs.
        """
        stage = self.stage
        if stage == "dense":
            self._train_dense()
        elif stage == "retraining":
            self._retrain()
        else:
            self._prune()
        while not self._active.numel() and not self.finished:
            self._open_next_stage()
        return stage, len(self._runs) - self._active.numel(), len(self._runs)

    def result(self) -> Sculpted:
        """Every run in order; runs of seeds that were not pruned stay dense."""
        units, edges = self._gradients
        n_pairs = len(units) * len(edges)
        whole = self._dense.take(torch.arange(len(self._seeds)).repeat_interleave(n_pairs))
        solved = torch.zeros(whole.n_replicas, dtype=torch.bool)
        if self._runs:
            runs = torch.tensor(self._runs)  # [pruned runs, 3] seed, unit and edge gradient
            rows = (runs[:, 0] * len(units) + runs[:, 1]) * len(edges) + runs[:, 2]
            whole.put(rows, self._accepted)
            solved[rows] = self._reached
        seeds, by_unit, by_edge = zip(*product(self._seeds, units, edges), strict=True)
        first = self._method.edge_gradient_first
        return Sculpted(whole.to("cpu"), seeds, by_unit, by_edge, solved, first)

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and strings that later rounds depend on."""
        return {
            "stage": self.stage,
            "dense": _tensors(self._dense),
            "accepted": _tensors(self._accepted),
            "reached": self._reached,
            "runs": self._runs,
            "active": self._active,
            "rngs": [json.dumps(rng.bit_generator.state) for rng in self._rngs],
            "pruning": _fields(self._pruning),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from the result of `state` of an object with the same arguments.

        Raises
        ------
        FormatError
            If it is not a state that these arguments lead to, as far as its parts show.
        """
        if state["stage"] not in STAGES:
            raise FormatError(f"its stage is {state['stage']!r:.40}")
        runs = [tuple(run) for run in state["runs"]]
        check_runs(state["stage"], runs, (len(self._seeds), *map(len, self._gradients)))
        n_runs, active = len(runs), state["active"]
        check_replicas(state["dense"], self._initial, len(self._seeds))
        check_replicas(state["accepted"], self._initial, n_runs)
        check_rows(active, n_runs, ended=state["stage"] == STAGES[-1])
        check_like(state["reached"], "reached", torch.bool, [n_runs])
        if runs and len(state["rngs"]) != n_runs:
            raise FormatError(f"it has {len(state['rngs'])} random streams for {n_runs} runs")
        self.stage, device = state["stage"], self._initial.device
        self._dense, self._accepted = (
            replace(self._initial, parameters=stored["parameters"], masks=stored["masks"]).to(
                device
            )
            for stored in (state["dense"], state["accepted"])
        )
        self._reached, self._active, self._runs = state["reached"], active, runs
        self._rngs = [np.random.default_rng(0) for _ in state["rngs"]]
        for rng, text in zip(self._rngs, state["rngs"], strict=True):
            rng.bit_generator.state = json.loads(text)
        self._pruning = self._new_pruning()
        fields = _fields(self._pruning)
        missing = sorted(fields.keys() - state["pruning"].keys())
        if missing:
            raise FormatError(f"its pruning lacks {', '.join(missing)}: an older version wrote it")
        for name, like in fields.items():
            saved = state["pruning"][name]
            check_like(saved, name, like.dtype, [active.numel(), *like.shape[1:]])
            setattr(self._pruning, name, saved.to(like.device))
        if self._pruning is not None:
            self._pruning.check()

    def _train(self, replicas: Replicas, rows: Tensor) -> tuple[Replicas, Tensor]:
        """The replicas retrained with the random streams of `rows`, and which reach the goal."""
        rngs = [self._rngs[row] for row in rows.tolist()]
        one_batch = self._task.validation.n_samples <= self._recipe.batch_size
        latest = self._method.latest_epoch and one_batch
        trained = train(replicas, self._task, self._recipe, rngs, latest=latest)
        if trained.diverged.any():
            self._explain_divergence(rows[trained.diverged.cpu()])
        return trained.replicas, (trained.accuracy >= self._goal).cpu()

    def _explain_divergence(self, rows: Tensor) -> NoReturn:
        """Raise: a net whose loss is not finite would pass for one that misses the goal."""
        seeds = sorted({self._seeds[self._runs[row][0]] for row in rows.tolist()})
        raise LimitError(
            f"in stage {self.stage!r} the loss of {rows.numel()} of {len(self._runs)} runs is not "
            f"finite (seeds {', '.join(map(str, seeds[:_MOST_SHOWN]))}"
            f"{', …' if len(seeds) > _MOST_SHOWN else ''}): lower the learning rate "
            f"({self._recipe.learning_rate}) or the noise ({self._recipe.noise}), or leave out "
            "these seeds"
        )

    def _train_dense(self) -> None:
        self._dense, reached = self._train(self._initial, self._active)
        rows = self._active if self._method.prunes_unsolved else reached.nonzero()[:, 0]
        self._runs = [self._runs[row] for row in rows.tolist()]
        self._accepted, self._reached = self._dense.take(rows), reached[rows]
        self._active = rows[:0]

    def _retrain(self) -> None:
        retrained, reached = self._train(self._accepted, self._active)
        rows = self._active if self._method.keeps_retrained else reached.nonzero()[:, 0]
        self._accepted.put(rows, retrained.take(rows))
        self._reached[rows] = reached[rows]
        self._active = rows[:0]

    def _prune(self) -> None:
        assert self._pruning
        active = self._active
        smaller = self._pruning.propose(self._accepted.take(active), self._task)
        if self._method.rewind:
            seeds = torch.tensor([self._runs[row][0] for row in active.tolist()])
            smaller = self._initial.take(seeds).masked(smaller.masks)
        if self.stage == "single edges":
            retrained, reached = self._train_where_needed(smaller)
        else:
            retrained, reached = self._train(smaller, active)
        self._accepted.put(active[reached], retrained.take(reached.nonzero()[:, 0]))
        self._reached[active[reached]] = True
        self._active = active[self._pruning.settle(reached)]

    def _train_where_needed(self, smaller: Replicas) -> tuple[Replicas, Tensor]:
        """Retrain like `_train`, but only replicas that miss the goal as they are."""
        reached = (accuracy(smaller, self._task) >= self._goal).cpu()
        missed = (~reached).nonzero()[:, 0]
        if missed.numel():
            retrained, reached[missed] = self._train(smaller.take(missed), self._active[missed])
            smaller.put(missed, retrained)
        return smaller, reached

    def _open_next_stage(self) -> None:
        self.stage = STAGES[STAGES.index(self.stage) + 1] if self._runs else "finished"
        if self.stage == "retraining":
            self._leave_unsolved()
        if self.stage in BRANCHING:
            self._branch(self._gradients[BRANCHING.index(self.stage)])
        if self.stage == "finished" or (
            self.stage == "single edges" and not self._method.single_edges
        ):
            return
        self._active = torch.arange(len(self._runs))
        self._pruning = self._new_pruning()

    def _leave_unsolved(self) -> None:
        """Drop the runs that pruning of units has not brought to the goal; they stay dense."""
        rows = self._reached.nonzero()[:, 0]
        self._runs = [self._runs[row] for row in rows.tolist()]
        self._rngs = [self._rngs[row] for row in rows.tolist()]
        self._accepted, self._reached = self._accepted.take(rows), self._reached[rows]

    def _branch(self, gradients: Sequence[float]) -> None:
        """Split every run into one per gradient, each with its own random stream."""
        rows = torch.arange(len(self._runs)).repeat_interleave(len(gradients))
        self._accepted, self._reached = self._accepted.take(rows), self._reached[rows]
        self._runs = [(*run, number) for run in self._runs for number in range(len(gradients))]
        self._rngs = [
            stream(self._seeds[run[0]], "sculpt", self.stage, *map(str, self._gradients_of(run)))
            for run in self._runs
        ]

    def _gradients_of(self, run: tuple[int, ...]) -> list[float]:
        """Unit gradient and edge gradient of a run, if it has them already."""
        return [values[number] for values, number in zip(self._gradients, run[1:], strict=False)]

    def _new_pruning(self) -> Pruning | None:
        """How this stage prunes the runs, at its beginning."""
        method, replicas, spec = self._method, self._accepted, self._accepted.spec
        if self.stage == "single edges":
            kept = [replicas.masks[name].flatten(1) for name in replicas.weights]
            return SingleEdgePruning(torch.cat(kept, dim=1))
        if self.stage == "units":
            score, cut, n_items = method.unit_score, without_units, spec.n_hidden
            percent = torch.zeros(len(self._runs), dtype=torch.float64)
        elif self.stage == "edges":
            score, cut, n_items = method.edge_score, without_edges, spec.n_weights
            percent = 100 * (1 - replicas.n_kept().cpu().double() / spec.n_weights)
        else:
            return None
        gradients = [self._gradients_of(run)[-1] for run in self._runs]
        return PercentilePruning.starting_at(
            score,
            cut,
            method.schedule,
            n_items=n_items,
            percent=percent,
            gradients=gradients,
            small_steps=method.small_steps,
        )


def _fields(pruning: Pruning | None) -> dict[str, Tensor]:
    """The tensors of a pruning: how far it is."""
    values = vars(pruning) if pruning else {}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _masks(replicas: Replicas) -> dict[str, Tensor]:
    return {f"{name} mask": mask for name, mask in replicas.masks.items()}


def _tensors(replicas: Replicas) -> dict[str, dict[str, Tensor]]:
    return {"parameters": replicas.parameters, "masks": replicas.masks}


def _check(
    spec: MLP,
    task: Task,
    seeds: Sequence[int],
    goal_accuracy: float,
    *gradients: Sequence[float],
) -> None:
    if (spec.widths[0], spec.widths[-1]) != (task.n_inputs, task.n_outputs):
        raise FormatError(
            f"the net has {spec.widths[0]} inputs and {spec.widths[-1]} outputs, "
            f"task {task.name!r} has {task.n_inputs} and {task.n_outputs}: both must be the same"
        )
    if not spec.n_hidden:
        raise FormatError("a net without hidden layers has no unit to prune: give three widths")
    for seed in seeds:
        checked_whole(seed, "a seed", least=0)
    if not seeds or len(set(seeds)) < len(seeds):
        raise FormatError(f"seeds are {list(seeds)}: give at least one, and each once")
    for values in gradients:
        good = (is_number(gradient) and 0 < gradient <= 100 for gradient in values)
        if not values or not all(good):
            raise NumberError(
                f"gradients are {list(values)}: give at least one, as percentages above 0 up to 100"
            )
    if not is_number(goal_accuracy) or not 0 < goal_accuracy <= 1:
        raise NumberError(f"goal accuracy is {shown(goal_accuracy)}: give a share above 0, up to 1")
