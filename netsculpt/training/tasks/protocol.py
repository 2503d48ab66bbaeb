"""What a task is: samples, a goal, and the functions that it consists of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number
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
    inputs: tuple[int, ...] = ()  # inputs of the task that it reads directly
    uses: tuple[str, ...] = ()  # functions whose values it reads
    outputs: tuple[int, ...] = ()  # outputs of the task with its value or its negation


@dataclass(frozen=True)
class Truth:
    """The functions that a task consists of: what sculpting should find.

    >>> low, high = Function("low", inputs=(0, 1)), Function("high", inputs=(2, 3), outputs=(1,))
    >>> truth = Truth(4, 2, (low, high, Function("both", uses=("low", "high"), outputs=(0,))))
    >>> truth.input_groups.labels.tolist(), truth.output_groups.labels.tolist()
    ([0, 0, 1, 1], [0, 1])
    """

    n_inputs: int
    n_outputs: int
    functions: tuple[Function, ...]  # each before those that use it

    def __post_init__(self) -> None:
        earlier: set[str] = set()
        for function in self.functions:
            if function.name in earlier or not earlier.issuperset(function.uses):
                raise FormatError(
                    f"function {function.name!r} is there twice or uses one that is not before it: "
                    "list each once, after those that it uses"
                )
            earlier.add(function.name)
        inputs = [column for function in self.functions for column in function.inputs]
        outputs = [column for function in self.functions for column in function.outputs]
        if len(set(outputs)) < len(outputs):
            raise FormatError("an output belongs to two functions: list it with one of them")
        for kind, columns, size in (
            ("inputs", inputs, self.n_inputs),
            ("outputs", outputs, self.n_outputs),
        ):
            if not set(columns) <= set(range(size)):
                raise FormatError(
                    f"a function has {kind} outside of 0 … {size - 1}: the task has {size}"
                )

    @cached_property
    def reads(self) -> dict[str, frozenset[int]]:
        """Inputs that each function depends on, directly or through others."""
        reads: dict[str, frozenset[int]] = {}
        for function in self.functions:
            below = (reads[name] for name in function.uses)
            reads[function.name] = frozenset(function.inputs).union(*below)
        return reads

    @cached_property
    def input_groups(self) -> Partition:
        """Inputs [n_inputs] grouped by the functions that depend on them; −1: none does."""
        users = (
            frozenset(name for name, read in self.reads.items() if column in read)
            for column in range(self.n_inputs)
        )
        return _grouped(users)

    @cached_property
    def output_groups(self) -> Partition:
        """Outputs [n_outputs] grouped by their function; −1: none."""
        names = {column: x.name for x in self.functions for column in x.outputs}
        return _grouped(names.get(column, "") for column in range(self.n_outputs))


@dataclass(frozen=True, eq=False)
class Task:
    """Samples of a task, what counts as right, and its true structure where that is known."""

    name: str
    inputs: Tensor  # [n, n_inputs] float32
    targets: Tensor  # [n, k], see `goal`
    goal: Goal
    truth: Truth | None = None
    held_out: Task | None = None  # samples kept from training; None: there are no others
    outputs: tuple[str, ...] = ()  # names of the outputs; none: they are numbered

    def __repr__(self) -> str:
        kept = "" if self.held_out is None else f", {self.held_out.n_samples} held out"
        samples = f"{self.n_samples} samples of {self.n_inputs} inputs{kept}"
        return f"Task({self.name}: {samples}; {self.goal!r})"

    def __post_init__(self) -> None:
        import torch

        inputs, rows = self.inputs, self.targets.shape[:1]
        if inputs.ndim != 2 or inputs.dtype != torch.float32 or inputs.shape[:1] != rows:
            raise FormatError(
                f"inputs are {inputs.dtype} of shape {list(inputs.shape)}, targets of shape "
                f"{list(self.targets.shape)}: inputs are float32 [n, n_inputs], one row per target"
            )
        if not inputs.shape[0]:
            raise FormatError(f"task {self.name!r} has no sample: at least one is needed")
        self.goal.check(self.targets)
        if self.outputs and len(self.outputs) != self.n_outputs:
            raise FormatError(
                f"the task names {len(self.outputs)} outputs and has {self.n_outputs}: name each, "
                "or none"
            )
        truth, held_out = self.truth, self.held_out
        if truth and (truth.n_inputs, truth.n_outputs) != (self.n_inputs, self.n_outputs):
            raise FormatError(
                f"the truth has {truth.n_inputs} inputs and {truth.n_outputs} outputs, the task "
                f"{self.n_inputs} and {self.n_outputs}: both must be the same"
            )
        if held_out and (held_out.n_inputs, held_out.goal) != (self.n_inputs, self.goal):
            raise FormatError(
                "held-out samples have other inputs or another goal than the task: both must be "
                "the same"
            )

    @property
    def n_samples(self) -> int:
        """Number of samples to train on."""
        return int(self.inputs.shape[0])

    @property
    def n_inputs(self) -> int:
        """Number of input units that the task needs."""
        return int(self.inputs.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number of output units that the task needs."""
        return self.goal.n_outputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, or their numbers [n_outputs]."""
        return self.outputs or tuple(map(str, range(self.n_outputs)))

    @property
    def validation(self) -> Task:
        """Samples to measure accuracy on: the held-out ones, or the task itself."""
        return self.held_out or self

    @property
    def about(self) -> dict[str, str]:
        """Name, goal and digests of the samples, JSON-able: they tell tasks apart."""
        parts = {"samples": self, "validation": self.validation}
        digests = {
            key: digest({"inputs": part.inputs, "targets": part.targets})
            for key, part in parts.items()
        }
        return {"name": self.name, "goal": str(self.goal), **digests}

    def to(self, device: str | torch.device) -> Task:
        """Copy of the task with its samples on a device."""
        held_out = self.held_out and self.held_out.to(device)
        inputs, targets = self.inputs.to(device), self.targets.to(device)
        return replace(self, inputs=inputs, targets=targets, held_out=held_out)


def hold_out(task: Task, share: float, *, rng: RNG = None) -> Task:
    """Hold out a random share of the samples from training.

    Parameters
    ----------
    task
        Any task; samples held out before are dropped.
    share
        Fraction of the samples, 0 … 1; at least one is held out and one is left.
    rng
        Seed or generator.

    Returns
    -------
    Task
        The remaining samples, with the others as ``held_out``.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> split = hold_out(digits(), 0.5, rng=0)
    >>> split.n_samples, split.validation.n_samples
    (899, 898)
    """
    checked_number(share, "share")
    n_held_out = round(task.n_samples * share)
    if not 0 < n_held_out < task.n_samples:
        raise FormatError(
            f"a share of {share} of {task.n_samples} samples is {n_held_out}: at least one sample "
            "must be held out and one left to train on"
        )
    order = np.random.default_rng(rng).permutation(task.n_samples)
    parts = order[:n_held_out], order[n_held_out:]
    held_out, rest = (_rows(task, np.sort(part)) for part in parts)
    return replace(rest, held_out=held_out)


def _rows(task: Task, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Task:
    return replace(task, inputs=task.inputs[rows], targets=task.targets[rows], held_out=None)


def _grouped(keys: Iterable[Hashable]) -> Partition:
    """Partition in which equal keys share a group; an empty key has none."""
    numbers: dict[Hashable, int] = {}
    labels = [numbers.setdefault(key, len(numbers)) if key else NO_MODULE for key in keys]
    return Partition(labels, method="truth")
