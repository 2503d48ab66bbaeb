"""Tasks by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.tasks.boolean import boolean
from netsculpt.training.tasks.digits import digits
from netsculpt.training.tasks.families import FAMILIES
from netsculpt.training.tasks.protocol import Task, hold_out
from netsculpt.training.tasks.shape_pairs import shape_pairs
from netsculpt.training.tasks.tokens import brackets, copying, induction, quotes, variable_types
from netsculpt.training.tasks.two_digits import digit_sum, separate_digits
from netsculpt.training.tasks.views import is_view

__all__ = ["boolean_text", "is_task_name", "task", "task_names"]

_HELD_OUT = 0.2
_N_PAIRS = 10_000
_N_IMAGES = 2500
_N_SEQUENCES = 10_000


def task(name: str, *, rng: RNG = None) -> Task:
    """Make a task by its name.

    Boolean families of `netsculpt.training.tasks.families` have numbers in place of the capital
    letters: ``overlap-2-use-4`` is two functions that share 2 inputs, each used 4 times. Two digits
    are 10 000 pairs. A fifth is held out of the digits, of the 2500 images of shape pairs and of
    the 10 000 sequences of token tasks (1500 for copying).

    Parameters
    ----------
    name
        A name from `task_names`.
    rng
        Seed or generator for images, held-out samples and pairs. Boolean tasks draw nothing.

    Raises
    ------
    FormatError
        If there is no such task; the text lists all tasks.

    Examples
    --------
    >>> task("overlap-2-use-4").targets.shape
    torch.Size([64, 8])
    >>> task("digits", rng=0).validation.n_samples
    359
    """
    if name in _DRAWN:
        return _DRAWN[name](rng)
    text = boolean_text(name)
    if text is not None:
        return boolean(text, name=name)
    raise FormatError(
        f"no task {name!r}, there are {', '.join(task_names())}: name one, with numbers for K and N"
    )


def boolean_text(name: str) -> str | None:
    """The functions of a Boolean task, one per line; None if there is none of that name.

    >>> boolean_text("digits") is None
    True
    """
    for template, family in FAMILIES.items():
        if numbers := _numbers(template, name):
            return family(*map(int, numbers.groups()))
    return None


def is_task_name(text: str) -> bool:
    """Whether there is a task of that name, or a view of one; it is not made.

    >>> is_task_name("reused-use-2"), is_task_name("digits:5-9"), is_task_name("/home/me/a.txt")
    (True, True, False)
    """
    whole, *views = text.split(":")
    return any(_numbers(template, whole) for template in task_names()) and all(map(is_view, views))


def task_names() -> list[str]:
    """Names of tasks, with capital letters as placeholders of numbers.

    >>> task_names()[:2]
    ['input-separable', 'reused']
    """
    return [*FAMILIES, *_DRAWN]


def _numbers(template: str, name: str) -> re.Match[str] | None:
    return re.fullmatch(re.sub("[KN]", r"(0|[1-9][0-9]{0,3})", template), name)


def _digits(rng: RNG) -> Task:
    return hold_out(digits(), _HELD_OUT, rng=rng)


def _shape_pairs(rng: RNG) -> Task:
    seed = root_seed(rng)
    images = shape_pairs(_N_IMAGES, rng=stream(seed, "images"))
    return hold_out(images, _HELD_OUT, rng=stream(seed, "held out"))


def _two_digits(pair: Callable[..., Task], rng: RNG) -> Task:
    seed = root_seed(rng)
    source = _digits(stream(seed, "held out"))
    return pair(source, _N_PAIRS, rng=stream(seed, "pairs"))


def _tokens(make: Callable[..., Task], n_sequences: int, rng: RNG) -> Task:
    seed = root_seed(rng)
    sequences = make(n_sequences, rng=stream(seed, "sequences"))
    return hold_out(sequences, _HELD_OUT, rng=stream(seed, "held out"))


_DRAWN: Mapping[str, Callable[[RNG], Task]] = MappingProxyType(
    {
        "digits": _digits,
        "shape-pairs": _shape_pairs,
        "two-digits-separate": partial(_two_digits, separate_digits),
        "two-digits-sum": partial(_two_digits, digit_sum),
        "quotes": partial(_tokens, quotes, _N_SEQUENCES),
        "brackets": partial(_tokens, brackets, _N_SEQUENCES),
        "variable-types": partial(_tokens, variable_types, _N_SEQUENCES),
        "copying": partial(_tokens, copying, 1500),
        "induction": partial(_tokens, induction, _N_SEQUENCES),
    }
)
