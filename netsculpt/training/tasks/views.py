"""What follows a task's name after colons: some of its classes, groups of them, wrong labels."""

from __future__ import annotations

import re
from dataclasses import replace

from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.training.tasks.goals import Classes
from netsculpt.training.tasks.protocol import Task
from netsculpt.training.tasks.regrouped import regrouped
from netsculpt.training.tasks.relabelled import relabelled

__all__ = ["is_view", "viewed"]

_NUMBER = r"(?:0|[1-9][0-9]{0,5})"
_GROUP = rf"{_NUMBER}(?:-{_NUMBER})?(?:\+{_NUMBER}(?:-{_NUMBER})?)*"
_CLASSES = re.compile(rf"{_GROUP}(?:/{_GROUP})*")
_WRONG = re.compile(r"relabelled-((?:0?\.[0-9]{1,9})|0|1)")
_PARITY = "even-odd"
_MOST = 100_000  # classes


def is_view(text: str) -> bool:
    """Whether a text is written as a view is; its classes may be unknown to a task.

    >>> [is_view(x) for x in ("5-9", "0-2+7", "0-4/5-9", "even-odd", "relabelled-.1", "5-")]
    [True, True, True, True, True, False]
    """
    return text == _PARITY or bool(_CLASSES.fullmatch(text) or _WRONG.fullmatch(text))


def viewed(task: Task, view: str, *, seed: int) -> Task:
    """The task that a view makes of another.

    Parameters
    ----------
    task
        Any task of one classification; of any kind for wrong labels.
    view
        ``5-9`` or ``0-2+7``: these classes only, numbered from 0. ``0-4/5-9``: which of these
        groups. ``even-odd``: whether the number of the class is odd. ``relabelled-.1``: a tenth of
        the training samples get random labels.
    seed
        Of wrong labels.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> viewed(digits(), "0-2+7", seed=0).goal, viewed(digits(), "0-4/5-9", seed=0).goal
    (Classes(sizes=(4,)), Classes(sizes=(2,)))
    """
    name = f"{task.name}:{view}"
    if share := _WRONG.fullmatch(view):
        changed = relabelled(task, float(share[1]), rng=stream(seed, "relabelled"))
        return _renamed(changed.task, name)
    if view == _PARITY:
        n_classes = task.goal.sizes[0] if isinstance(task.goal, Classes) else 0
        return regrouped(task, [range(0, n_classes, 2), range(1, n_classes, 2)], name=name)
    if not _CLASSES.fullmatch(view):
        raise FormatError(
            f"{view!r:.80} is not a choice of classes: give some of them as 5-9 or 0-2+7, groups "
            "of them as 0-4/5-9, even-odd, or relabelled-.1 for wrong labels"
        )
    groups = [_classes(part) for part in view.split("/")]
    return regrouped(task, [[x] for x in groups[0]] if len(groups) == 1 else groups, name=name)


def _classes(text: str) -> list[int]:
    """The classes of a group such as 0-2+7."""
    found: list[int] = []
    for part in text.split("+"):
        first, _, last = part.partition("-")
        ends = int(first), int(last or first)
        if ends[1] < ends[0] or ends[1] > _MOST:
            raise FormatError(f"classes {part!r} have no order: write the smaller one first")
        found += range(ends[0], ends[1] + 1)
    return found


def _renamed(task: Task, name: str) -> Task:
    held_out = task.held_out and replace(task.held_out, name=name)
    return replace(task, name=name, held_out=held_out)
