"""Which samples of a target task learn, which choose, and which only measure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number
from netsculpt.core.random import stream
from netsculpt.training.tasks import Task, hold_out

__all__ = ["VALIDATION", "Parts", "parts_of"]

VALIDATION = 0.2  # of the samples to train on
_TEST = 0.2  # of a task that has nothing held out


@dataclass(frozen=True, eq=False)
class Parts:
    """Samples of a target task; no sample of a task is in two of them."""

    learning: Task
    choosing: Task  # decides on strengths, learning rates and epochs
    test: Task
    published: bool  # whether the test samples choose, and nothing is kept from learning for it

    @property
    def to_fit(self) -> Task:
        """The samples to learn from; those that choose are its held-out ones."""
        return replace(self.learning, held_out=self.choosing)

    @property
    def counts(self) -> dict[str, int]:
        """How many samples each part has."""
        parts = {"train": self.learning, "validation": self.choosing, "test": self.test}
        return {f"n_{name}": part.n_samples for name, part in parts.items()}


def parts_of(target: Task, *, validation: float, published: bool, seed: int) -> Parts:
    """Split a target task.

    Its held-out samples are the test; of a task without any, such as a truth table, a fifth is
    drawn for it. A share of the others is the validation, unless the test chooses, as published.

    >>> from netsculpt.training.tasks import task
    >>> parts_of(task("digits", rng=0), validation=0.2, published=False, seed=0).counts
    {'n_train': 1150, 'n_validation': 288, 'n_test': 359}
    """
    checked_number(validation, "validation", above=0, below=1)
    if target.held_out is None:
        if target.n_samples < 2:
            raise FormatError(
                f"task {target.name!r} has one sample: a transfer learns from some and is measured "
                "on others"
            )
        target = hold_out(target, max(_TEST, 1 / target.n_samples), rng=stream(seed, "test"))
    test = target.validation
    if published:
        return Parts(replace(target, held_out=None), test, test, published)
    split = hold_out(target, validation, rng=stream(seed, "validation"))
    return Parts(replace(split, held_out=None), split.validation, test, published)
