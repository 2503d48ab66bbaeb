"""The rounds of a sculpting: accept a step, halve it, or stop, for nets of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any, Generic, NoReturn, TypeVar

import torch
from torch import Tensor

from netsculpt.core.callables import name_of
from netsculpt.core.errors import LimitError
from netsculpt.core.progress import Progress
from netsculpt.core.random import stream
from netsculpt.files.saved_state import digest
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.grid import Grid
from netsculpt.training.sculpting.kind import Kind
from netsculpt.training.sculpting.method import SculptingMethod
from netsculpt.training.sculpting.progress import STAGES
from netsculpt.training.sculpting.result import Runs
from netsculpt.training.sculpting.stack import Stack
from netsculpt.training.sculpting.stage_pruning import new_pruning
from netsculpt.training.sculpting.state import Pruning, State, restore_pruning
from netsculpt.training.sculpting.trail import Rounds, Trail
from netsculpt.training.tasks import Task

__all__ = ["Process"]

BRANCHING = ("units", "edges")  # stages before which a run is split into one per gradient

_MOST_SHOWN = 10  # seeds in a message

S = TypeVar("S", bound=Stack)


class Process(Generic[S]):
    """The sculpting of nets of one kind, between two rounds.

    A round prunes a step, retrains, and accepts or undoes the step, in all active runs. `state` is
    everything that later rounds depend on: restored into an object with the same arguments, it
    leads to the same bits. Arguments are as for `netsculpt.training.sculpt`; `kind` says what can
    be cut.
    """

    def __init__(
        self,
        kind: Kind[S],
        task: Task,
        recipe: Recipe,
        grid: Grid,
        *,
        method: SculptingMethod,
        initial: S | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        kind.check(task, recipe, method)
        grid.check()
        self.kind, self._recipe, self._method = kind, recipe, method
        self._task, self._grid = task.to(device), grid
        self._started = None if initial is None else digest(initial.tensors)
        self._initial = (initial or kind.initial(grid.seeds)).to(device)
        n_seeds = len(grid.seeds)
        self._state = State(
            stage=STAGES[0],
            dense=self._initial,
            accepted=self._initial,
            reached=torch.zeros(n_seeds, dtype=torch.bool),
            runs=[(seed,) for seed in range(n_seeds)],
            active=torch.arange(n_seeds),
            rngs=[stream(seed, "sculpt", "dense") for seed in grid.seeds],
            trail=Trail.beginning(self._initial),
        )

    @property
    def stage(self) -> str:
        """The stage of the next round."""
        return self._state.stage

    @property
    def about(self) -> dict[str, Any]:
        """What decides all rounds, JSON-able: net, task, recipe, seeds and method, by its names."""
        started = {} if self._started is None else {"initial nets": self._started}
        return {
            "kind": "sculpting",
            **started,
            "net": self.kind.spec.spec,
            "task": self._task.about,
            "recipe": asdict(self._recipe),
            "seeds": self._grid.seeds,
            "unit gradients": self._grid.unit_gradients,
            "edge gradients": self._grid.edge_gradients,
            "goal accuracy": self._grid.goal_accuracy,
            "method": {
                key: x if isinstance(x, bool) else name_of(x)
                for key, x in vars(self._method).items()
            },
        }

    @property
    def finished(self) -> bool:
        """Whether no round is left."""
        return self._state.finished

    @property
    def accepted(self) -> S:
        """The nets as they are after the last round, one per run; not copies."""
        return self._state.accepted

    def advance(self) -> tuple[str, int, int]:
        """Do one round, and open the next stage if the round ended this one.

        Returns the stage of the round, the number of runs that have ended it, and of all runs.
        """
        now, stage = self._state, self.stage
        if stage == "dense":
            self._train_dense()
        elif stage == "retraining":
            self._retrain()
        else:
            self._prune()
        while not now.active.numel() and not self.finished:
            self._open_next_stage()
        return stage, len(now.runs) - now.active.numel(), len(now.runs)

    def run(self, progress: Progress | None) -> None:
        """Advance to the end; `progress` is called after each round."""
        while not self.finished:
            done = self.advance()
            if progress:
                progress(*done)

    def result(self) -> Runs[S]:
        """Every run in order; runs of seeds that were not pruned stay dense."""
        now = self._state
        n_seeds, n_units, n_edges = self._grid.sizes
        whole = now.dense.take(torch.arange(n_seeds).repeat_interleave(n_units * n_edges))
        solved = torch.zeros(whole.n_replicas, dtype=torch.bool)
        if now.runs:
            runs = torch.tensor(now.runs)  # [pruned runs, 3] seed, unit and edge gradient
            rows = (runs[:, 0] * n_units + runs[:, 1]) * n_edges + runs[:, 2]
            whole.put(rows, now.accepted)
            solved[rows] = now.reached
        every = product(self._grid.seeds, *self._grid.gradients)
        seeds, by_unit, by_edge = zip(*every, strict=True)
        first = self._method.edge_gradient_first
        return Runs(whole.to("cpu"), seeds, by_unit, by_edge, solved, first)

    def rounds(self, replica: int) -> Rounds | None:
        """The rounds of a run of `result`; None if it was not pruned."""
        seed, gradients = divmod(replica, self._grid.sizes[1] * self._grid.sizes[2])
        run = (seed, *divmod(gradients, self._grid.sizes[2]))
        now = self._state
        return now.trail.rounds(now.runs.index(run)) if run in now.runs else None

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and strings that later rounds depend on."""
        return self._state.stored()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from the result of `state` of an object with the same arguments, or raise."""
        now = self._state
        now.restore(state, self._initial, self._grid.sizes)
        now.pruning = self._new_pruning()
        restore_pruning(now.pruning, state["pruning"], now.active.numel())

    def _train(self, replicas: S, rows: Tensor) -> tuple[S, Tensor]:
        """The replicas retrained with the random streams of `rows`, and which reach the goal."""
        rngs = [self._state.rngs[row] for row in rows.tolist()]
        one_batch = self._task.validation.n_samples <= self._recipe.batch_size
        latest = self._method.latest_epoch and one_batch
        trained = self.kind.trained(replicas, self._task, self._recipe, rngs, latest=latest)
        if trained.diverged.any():
            self._explain_divergence(rows[trained.diverged.cpu()])
        return trained.replicas, (trained.accuracy >= self._grid.goal_accuracy).cpu()

    def _explain_divergence(self, rows: Tensor) -> NoReturn:
        """Raise: a net whose loss is not finite would pass for one that misses the goal."""
        runs = self._state.runs
        seeds = sorted({self._grid.seeds[runs[row][0]] for row in rows.tolist()})
        raise LimitError(
            f"in stage {self.stage!r} the loss of {rows.numel()} of {len(runs)} runs is not "
            f"finite (seeds {', '.join(map(str, seeds[:_MOST_SHOWN]))}"
            f"{', …' if len(seeds) > _MOST_SHOWN else ''}): lower the learning rate "
            f"({self._recipe.learning_rate}) or the noise ({self._recipe.noise}), or leave out "
            "these seeds"
        )

    def _train_dense(self) -> None:
        now = self._state
        now.dense, reached = self._train(self._initial, now.active)
        kept = torch.ones_like(reached) if self._method.prunes_unsolved else reached
        self._note(now.active, now.dense, kept, now.dense)
        rows = kept.nonzero()[:, 0]
        now.trail.take(rows)
        now.runs = [now.runs[row] for row in rows.tolist()]
        now.accepted, now.reached = now.dense.take(rows), reached[rows]
        now.active = rows[:0]

    def _retrain(self) -> None:
        now = self._state
        retrained, reached = self._train(now.accepted, now.active)
        kept = torch.ones_like(reached) if self._method.keeps_retrained else reached
        rows = kept.nonzero()[:, 0]
        now.accepted.put(rows, retrained.take(rows))
        self._note(now.active, retrained, kept, now.accepted)
        now.reached[rows] = reached[rows]
        now.active = rows[:0]

    def _prune(self) -> None:
        now = self._state
        assert now.pruning
        active = now.active
        smaller = now.pruning.propose(now.accepted.take(active), self._task)
        if self._method.rewind:
            seeds = torch.tensor([now.runs[row][0] for row in active.tolist()])
            smaller = self._initial.take(seeds).masked(smaller.masks)
        if self.stage == "single edges":
            retrained, reached = self._train_where_needed(smaller)
        else:
            retrained, reached = self._train(smaller, active)
        now.accepted.put(active[reached], retrained.take(reached.nonzero()[:, 0]))
        self._note(active, retrained, reached, now.accepted)
        now.reached[active[reached]] = True
        now.active = active[now.pruning.settle(reached)]

    def _note(self, rows: Tensor, tried: S, accepted: Tensor, after: S) -> None:
        """Write down what a round of the runs `rows` tried; `after` are the nets of all runs."""
        measured = [self.kind.measured(tried, self._task)]
        if self._task.held_out is not None:
            measured.append(self.kind.measured(tried, self._task.held_out))
        columns = [x.cpu().double() for pair in (measured * 2)[:2] for x in reversed(pair)]
        scores = torch.stack(columns, dim=1)
        self._state.trail.add(self.stage, rows, scores, accepted, after)

    def _train_where_needed(self, smaller: S) -> tuple[S, Tensor]:
        """Retrain like `_train`, but only replicas that miss the goal as they are."""
        goal = self._grid.goal_accuracy
        reached = (self.kind.accuracy(smaller, self._task) >= goal).cpu()
        missed = (~reached).nonzero()[:, 0]
        if missed.numel():
            active = self._state.active
            retrained, reached[missed] = self._train(smaller.take(missed), active[missed])
            smaller.put(missed, retrained)
        return smaller, reached

    def _open_next_stage(self) -> None:
        now = self._state
        now.stage = STAGES[STAGES.index(now.stage) + 1] if now.runs else "finished"
        if now.stage == "retraining":
            now.leave_unsolved()
        if now.stage in BRANCHING:
            self._branch(self._grid.gradients[BRANCHING.index(now.stage)])
        if now.finished or (now.stage == "single edges" and not self._method.single_edges):
            return
        now.active = torch.arange(len(now.runs))
        now.pruning = self._new_pruning()

    def _branch(self, gradients: Sequence[float]) -> None:
        """Split every run into one per gradient, each with its own random stream."""
        now, seeds = self._state, self._grid.seeds
        rows = torch.arange(len(now.runs)).repeat_interleave(len(gradients))
        now.accepted, now.reached = now.accepted.take(rows), now.reached[rows]
        now.trail.take(rows)
        now.runs = [(*run, number) for run in now.runs for number in range(len(gradients))]
        now.rngs = [
            stream(seeds[run[0]], "sculpt", now.stage, *map(str, self._gradients_of(run)))
            for run in now.runs
        ]

    def _gradients_of(self, run: tuple[int, ...]) -> list[float]:
        """Unit gradient and edge gradient of a run, if it has them already."""
        chosen = zip(self._grid.gradients, run[1:], strict=False)
        return [values[number] for values, number in chosen]

    def _new_pruning(self) -> Pruning | None:
        """How this stage prunes the runs, at its beginning."""
        now = self._state
        gradients = [[0.0, *self._gradients_of(run)][-1] for run in now.runs]
        return new_pruning(now.stage, self.kind, now.accepted, self._method, gradients)
