"""Where a sculpting stands between two rounds: all that later rounds depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.sculpting.percentile_pruning import PercentilePruning
from netsculpt.training.sculpting.progress import (
    STAGES,
    check_like,
    check_replicas,
    check_rows,
    check_runs,
)
from netsculpt.training.sculpting.single_edge_pruning import SingleEdgePruning
from netsculpt.training.sculpting.stack import Stack
from netsculpt.training.sculpting.trail import Trail

__all__ = ["Pruning", "State", "restore_pruning"]

S = TypeVar("S", bound=Stack)

# Of a stage, step by step; its tensors are its state.
Pruning = PercentilePruning | SingleEdgePruning


@dataclass(eq=False)
class State(Generic[S]):
    """The nets, which of them are still being pruned, and how far their pruning is."""

    stage: str  # of the next round
    dense: S  # one for each seed
    accepted: S  # one for each run: the sparsest so far that reaches the goal
    reached: Tensor  # bool, the goal, by row of `accepted`
    runs: list[tuple[int, ...]]  # by row: places of the seed, and of the gradients chosen so far
    active: Tensor  # rows that the stage still prunes
    rngs: list[np.random.Generator]  # one per row
    trail: Trail  # what happened so far
    pruning: Pruning | None = None

    @property
    def finished(self) -> bool:
        """Whether no round is left."""
        return self.stage == STAGES[-1]

    def leave_unsolved(self) -> None:
        """Drop the runs that pruning of units has not brought to the goal; they stay dense."""
        rows = self.reached.nonzero()[:, 0]
        self.runs = [self.runs[row] for row in rows.tolist()]
        self.rngs = [self.rngs[row] for row in rows.tolist()]
        self.accepted, self.reached = self.accepted.take(rows), self.reached[rows]
        self.trail.take(rows)

    def stored(self) -> dict[str, Any]:
        """Tensors, numbers and strings that `restore` takes."""
        return {
            "stage": self.stage,
            "dense": _tensors(self.dense),
            "accepted": _tensors(self.accepted),
            "reached": self.reached,
            "runs": self.runs,
            "active": self.active,
            "rngs": [json.dumps(rng.bit_generator.state) for rng in self.rngs],
            "pruning": _fields(self.pruning),
            "trail": self.trail.stored(),
        }

    def restore(self, stored: Mapping[str, Any], initial: S, sizes: tuple[int, int, int]) -> None:
        """Resume from the result of `stored`, of nets that began as `initial`.

        All but the pruning, which depends on the stage: see `restore_pruning`. Sizes are the
        numbers of seeds, unit gradients and edge gradients.

        Raises
        ------
        FormatError
            If it is not a state that such nets come to, as far as its parts show.
        """
        if stored["stage"] not in STAGES:
            raise FormatError(f"its stage is {stored['stage']!r:.40}")
        runs = [tuple(run) for run in stored["runs"]]
        check_runs(stored["stage"], runs, sizes)
        n_runs, active = len(runs), stored["active"]
        check_replicas(stored["dense"], initial, sizes[0])
        check_replicas(stored["accepted"], initial, n_runs)
        check_rows(active, n_runs, ended=stored["stage"] == STAGES[-1])
        check_like(stored["reached"], "reached", torch.bool, [n_runs])
        if runs and len(stored["rngs"]) != n_runs:
            raise FormatError(f"it has {len(stored['rngs'])} random streams for {n_runs} runs")
        if "trail" not in stored:
            raise FormatError("it lacks what happened in its rounds: an older version wrote it")
        self.trail.restore(stored["trail"], sizes[0] if stored["stage"] == STAGES[0] else n_runs)
        # The same string, not an equal one: a state is pickled to the same bytes.
        self.stage = STAGES[STAGES.index(stored["stage"])]
        self.dense, self.accepted = (
            replace(initial, parameters=part["parameters"], masks=part["masks"]).to(initial.device)
            for part in (stored["dense"], stored["accepted"])
        )
        self.reached, self.active, self.runs = stored["reached"], active, runs
        self.rngs = [np.random.default_rng(0) for _ in stored["rngs"]]
        for rng, text in zip(self.rngs, stored["rngs"], strict=True):
            rng.bit_generator.state = json.loads(text)


def restore_pruning(pruning: Pruning | None, stored: Mapping[str, Any], n_active: int) -> None:
    """Give a new pruning the stored fields, for that many runs; raises unless they fit it."""
    fields = _fields(pruning)
    missing = sorted(fields.keys() - stored.keys())
    if missing:
        raise FormatError(f"its pruning lacks {', '.join(missing)}: an older version wrote it")
    for name, like in fields.items():
        saved = stored[name]
        check_like(saved, name, like.dtype, [n_active, *like.shape[1:]])
        setattr(pruning, name, saved.to(like.device))
    if pruning is not None:
        pruning.check()


def _fields(pruning: Pruning | None) -> dict[str, Tensor]:
    """The tensors of a pruning: how far it is."""
    values = vars(pruning) if pruning else {}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _tensors(stack: Stack) -> dict[str, dict[str, Tensor]]:
    return {"parameters": stack.parameters, "masks": stack.masks}
