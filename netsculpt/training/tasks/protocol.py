"""What every task is: samples, a goal, and the functions that it is made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.files.saved_state import digest
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.training.tasks.goals import Goal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Function", "Task", "Truth", "hold_out"]


@dataclass(frozen=True)
class Function:
    """One node of a task's function graph."""

    name: str
    inputs: tuple[int, ...] = ()  # inputs of the task that it reads itself
    uses: tuple[str, ...] = ()  # functions that it is a function of
    outputs: tuple[int, ...] = ()  # outputs of the task that give its value or its negation


@dataclass(frozen=True)
class Truth:
    """The functions that a task is made of: what sculpting should find.

    >>> low, high = Function("low", inputs=(0, 1)), Function("high", inputs=(2, 3), outputs=(1,))
    >>> truth = Truth(4, 2, (low, high, Function("both", uses=("low", "high"), outputs=(0,))))
    >>> truth.input_groups.labels.tolist(), truth.output_groups.labels.tolist()
    ([0, 0, 1, 1], [0, 1])
    """

    n_inputs: int
    n_outputs: int
    functions: tuple[Function, ...]  # each below those that use it

    def __post_init__(self) -> None:
        known: set[str] = set()
        for function in self.functions:
            if function.name in known or not known.issuperset(function.uses):
                raise FormatError(
                    f"function {function.name!r} is there twice or uses one that is not above it: "
                    "name each once, in an order in which it uses earlier ones"
                )
            known.add(function.name)
        read = [column for function in self.functions for column in function.inputs]
        given = [column for function in self.functions for column in function.outputs]
        if len(set(given)) < len(given):
            raise FormatError("an output is given by two functions: name it with one of them")
        for what, columns, size in (
            ("inputs", read, self.n_inputs),
            ("outputs", given, self.n_outputs),
        ):
            if not set(columns) <= set(range(size)):
                raise FormatError(
                    f"a function has {what} not in 0 … {size - 1}: the task has {size}"
                )

    @cached_property
    def reads(self) -> dict[str, frozenset[int]]:
        """Inputs that each function depends on, directly or through others."""
        found: dict[str, frozenset[int]] = {}
        for function in self.functions:
            below = (found[name] for name in function.uses)
            found[function.name] = frozenset(function.inputs).union(*below)
        return found

    @cached_property
    def input_groups(self) -> Partition:
        """Inputs [n_inputs] grouped by the functions that depend on them; −1: no function does."""
        users = (
            frozenset(name for name, read in self.reads.items() if column in read)
            for column in range(self.n_inputs)
        )
        return _grouped(users)

    @cached_property
    def output_groups(self) -> Partition:
        """Outputs [n_outputs] grouped by the function that they give; −1: none."""
        given = {column: x.name for x in self.functions for column in x.outputs}
        return _grouped(given.get(column, "") for column in range(self.n_outputs))


@dataclass(frozen=True, eq=False)
class Task:
    """Samples of a task, what counts as right, and where it is known its true structure."""

    name: str
    inputs: Tensor  # [n, n_inputs] float32
    targets: Tensor  # as `goal` says
    goal: Goal
    truth: Truth | None = None
    held_out: Task | None = None  # samples kept from training; None: those above are all there are

    def __post_init__(self) -> None:
        import torch

        inputs, rows = self.inputs, self.targets.shape[:1]
        if inputs.ndim != 2 or inputs.dtype != torch.float32 or inputs.shape[:1] != rows:
            raise FormatError(
                f"inputs are {inputs.dtype} of shape {list(inputs.shape)}, targets of shape "
                f"{list(self.targets.shape)}: inputs are float32 [n, n_inputs], one row a target"
            )
        if not inputs.shape[0]:
            raise FormatError(f"task {self.name!r} has no sample: at least one is needed")
        self.goal.check(self.targets)
        given = (self.n_inputs, self.goal.n_outputs)
        if self.truth and (self.truth.n_inputs, self.truth.n_outputs) != given:
            raise FormatError(
                f"the truth is of {self.truth.n_inputs} inputs and {self.truth.n_outputs} outputs, "
                f"the task has {given[0]} and {given[1]}"
            )
        if self.held_out and (self.held_out.n_inputs, self.held_out.goal) != (given[0], self.goal):
            raise FormatError("held-out samples have other inputs or another goal than the task")

    @property
    def n_samples(self) -> int:
        """Samples to train on."""
        return int(self.inputs.shape[0])

    @property
    def n_inputs(self) -> int:
        """Input units of a network for the task."""
        return int(self.inputs.shape[1])

    @property
    def n_outputs(self) -> int:
        """Output units of a network for the task."""
        return self.goal.n_outputs

    @property
    def validation(self) -> Task:
        """What to measure accuracy on: the held-out samples, or the task itself."""
        return self.held_out or self

    @property
    def about(self) -> dict[str, str]:
        """Its name, goal and digests of its samples, which tell it from other tasks."""
        parts = {"samples": self, "validation": self.validation}
        digests = {
            key: digest({"inputs": part.inputs, "targets": part.targets})
            for key, part in parts.items()
        }
        return {"name": self.name, "goal": str(self.goal), **digests}

    def to(self, device: str | torch.device) -> Task:
        """The task with its samples on a device."""
        held_out = self.held_out and self.held_out.to(device)
        inputs, targets = self.inputs.to(device), self.targets.to(device)
        return replace(self, inputs=inputs, targets=targets, held_out=held_out)


def hold_out(task: Task, share: float, *, rng: RNG = None) -> Task:
    """Keep a random share of the samples from training.

    Parameters
    ----------
    task
        Any task; what it held out before is dropped.
    share
        Fraction of the samples, between 0 and 1; at least one is kept and one is left.
    rng
        Seed or generator.

    Returns
    -------
    Task
        The other samples, with the kept ones as ``held_out``.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> split = hold_out(digits(), 0.5, rng=0)
    >>> split.n_samples, split.validation.n_samples
    (899, 898)
    """
    n_kept = round(task.n_samples * share)
    if not 0 < n_kept < task.n_samples:
        raise FormatError(
            f"a share of {share} of {task.n_samples} samples is {n_kept}: at least one sample must "
            "be held out and one left to train on"
        )
    order = np.random.default_rng(rng).permutation(task.n_samples)
    kept, rest = (_rows(task, np.sort(part)) for part in (order[:n_kept], order[n_kept:]))
    return replace(rest, held_out=kept)


def _rows(task: Task, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Task:
    return replace(task, inputs=task.inputs[rows], targets=task.targets[rows], held_out=None)


def _grouped(keys: Iterable[Hashable]) -> Partition:
    """Equal keys are one group; an empty key is none."""
    numbers: dict[Hashable, int] = {}
    labels = [numbers.setdefault(key, len(numbers)) if key else NO_MODULE for key in keys]
    return Partition(labels, method="truth")
