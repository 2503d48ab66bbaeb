"""Token tasks: a sequence, and a choice between two next tokens at its end.

Small generated relatives of those by which Gao et al. 2025 (arXiv:2511.13653) find circuits. No
two samples are the same sequence, and both answers are equally frequent up to chance. Sequences
are numbers of tokens; the token 0 fills what is left at their beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG
from netsculpt.training.tasks.goals import NextToken
from netsculpt.training.tasks.protocol import Task

__all__ = ["brackets", "copying", "induction", "quotes", "variable_types"]

Row = tuple[list[int], int]  # tokens, and the right next one

VOCABULARY: Final = 16
LENGTH: Final = 16

_FIRST, _SECOND = 1, 2  # the two choices
_WORDS = range(6, VOCABULARY)  # tokens that mean nothing by themselves
_FRUITLESS = 100  # samples drawn for each that is needed, before there are too few


def quotes(n_samples: int, *, rng: RNG = None) -> Task:
    """Which quote closes the string in which the sequence ends.

    Words, and strings of words between single (1) or double (2) quotes; the last string is open.

    >>> task = quotes(100, rng=0)
    >>> task.inputs.shape, sorted(set(task.targets.flatten().tolist()))
    (torch.Size([100, 16]), [1, 2])
    """

    def draw(random: Generator) -> Row:
        row: list[int] = []
        opened = 0
        while len(row) < LENGTH - 1 or not opened:
            if random.random() < 0.7:
                row.append(int(random.choice(_WORDS)))
            elif opened:
                row, opened = [*row, opened], 0
            else:
                opened = int(random.integers(_FIRST, _SECOND + 1))
                row.append(opened)
        return [*row, int(random.choice(_WORDS))], opened

    return _task("quotes", draw, n_samples, rng)


def brackets(n_samples: int, *, rng: RNG = None) -> Task:
    """Whether one bracket closes a list (1) or two (2), by how deep the sequence is in lists.

    A list, opened by 3, of words and closed lists (opened by 3, closed by 1), that ends in the list
    or in a list inside it.

    >>> brackets(100, rng=0).goal.choices
    (1, 2)
    """

    def draw(random: Generator) -> Row:
        row, depth = [3], 1
        for _ in range(int(random.integers(3, LENGTH - 1))):
            if random.random() < 0.6 or row[-1] == 3:
                row.append(int(random.choice(_WORDS)))
            else:
                row.append(3 if depth == 1 else _FIRST)
                depth = 3 - depth
        return [*row, int(random.choice(_WORDS))], depth

    return _task("brackets", draw, n_samples, rng)


def variable_types(n_samples: int, *, rng: RNG = None) -> Task:
    """Which method a variable has: that of sets (1) or of strings (2).

    Two to four assignments, each a name and the type 3 (a set) or 4 (a string), then the end of
    them (5) and one of the names.

    >>> bool((variable_types(50, rng=0).inputs[:, -2] == 5).all())
    True
    """

    def draw(random: Generator) -> Row:
        names = random.choice(_WORDS, int(random.integers(2, 5)), replace=False).tolist()
        types = random.integers(3, 5, len(names)).tolist()
        asked = int(random.integers(len(names)))
        pairs = [x for pair in zip(names, types, strict=True) for x in pair]
        return [*pairs, 5, names[asked]], types[asked] - 2

    return _task("variable-types", draw, n_samples, rng)


def copying(n_samples: int, *, rng: RNG = None) -> Task:
    """What comes next when a word of eight letters (1 or 2) is repeated after a mark (3).

    >>> copying(50, rng=0).inputs[0].tolist().count(3)
    1
    """

    def draw(random: Generator) -> Row:
        word = random.integers(_FIRST, _SECOND + 1, 8).tolist()
        n_repeated = int(random.integers(7))
        return [*word, 3, *word[:n_repeated]], word[n_repeated]

    return _task("copying", draw, n_samples, rng)


def induction(n_samples: int, *, rng: RNG = None) -> Task:
    """What came after the last token when it came before: 1 or 2, among random words.

    >>> row = induction(50, rng=0).inputs[0].tolist()
    >>> row.count(row[-1])
    2
    """

    def draw(random: Generator) -> Row:
        asked, *others = random.permutation(_WORDS).tolist()
        row = random.choice([*others, _FIRST, _SECOND], LENGTH - 1).tolist()
        place = int(random.integers(LENGTH - 2))
        answer = int(random.integers(_FIRST, _SECOND + 1))
        row[place : place + 2] = [asked, answer]
        return [*row, asked], answer

    return _task("induction", draw, n_samples, rng)


def _task(name: str, draw: Callable[[Generator], Row], n_samples: int, rng: RNG) -> Task:
    """Distinct sequences of one length, with their right next tokens."""
    import torch

    checked_whole(n_samples, "n_samples", least=1)
    random = np.random.default_rng(rng)
    rows: dict[tuple[int, ...], int] = {}
    for _ in range(_FRUITLESS * n_samples):
        tokens, answer = draw(random)
        if len(tokens) <= LENGTH:
            rows.setdefault((0,) * (LENGTH - len(tokens)) + tuple(tokens), answer)
        if len(rows) == n_samples:
            break
    else:
        raise FormatError(
            f"task {name!r} has hardly more than {len(rows)} different sequences, {n_samples} are "
            "asked for: ask for fewer"
        )
    inputs: NDArray[np.float32] = np.array(list(rows), dtype=np.float32)
    targets = np.array(list(rows.values()), dtype=np.int64)[:, None]
    goal = NextToken(VOCABULARY, (_FIRST, _SECOND))
    return Task(name, torch.from_numpy(inputs), torch.from_numpy(targets), goal)
