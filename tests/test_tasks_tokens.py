"""Token tasks: answers by definition, and what is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from netsculpt.core.errors import FormatError
from netsculpt.training.tasks import (
    NextToken,
    Task,
    brackets,
    copying,
    induction,
    quotes,
    task,
    variable_types,
)

MAKERS: dict[str, Callable[..., Task]] = {
    "quotes": quotes,
    "brackets": brackets,
    "variable-types": variable_types,
    "copying": copying,
    "induction": induction,
}


def open_quote(row: list[int]) -> int:
    stack: list[int] = []
    for token in row:
        if token in (1, 2):
            if stack:
                assert stack.pop() == token  # strings are closed by what opened them
            else:
                stack.append(token)
    return stack[0]


def depth(row: list[int]) -> int:
    depths = [row[: k + 1].count(3) - row[: k + 1].count(1) for k in range(len(row))]
    assert 2 not in row
    assert max(depths) <= 2
    assert min(depths[row.index(3) :]) >= 1
    return depths[-1]


def method(row: list[int]) -> int:
    return row[row.index(row[-1]) + 1] - 2  # the type that follows the name


def repeated(row: list[int]) -> int:
    mark = row.index(3)
    word, again = row[mark - 8 : mark], row[mark + 1 :]
    assert word[: len(again)] == again
    return word[len(again)]


def followed(row: list[int]) -> int:
    return row[row.index(row[-1]) + 1]


BY_DEFINITION = {
    "quotes": open_quote,
    "brackets": depth,
    "variable-types": method,
    "copying": repeated,
    "induction": followed,
}


@pytest.mark.parametrize("name", MAKERS)
def test_answers_by_definition(name: str) -> None:
    made = MAKERS[name](400, rng=0)
    rows = [[int(x) for x in row] for row in made.inputs.tolist()]
    assert [BY_DEFINITION[name](row) for row in rows] == made.targets[:, 0].tolist()
    assert len({tuple(row) for row in rows}) == 400
    assert 0.3 < float((made.targets == 1).double().mean()) < 0.7
    assert isinstance(made.goal, NextToken)


@pytest.mark.parametrize("name", MAKERS)
def test_same_seed_same_samples(name: str) -> None:
    a, b, other = (MAKERS[name](50, rng=seed) for seed in (1, 1, 2))
    assert torch.equal(a.inputs, b.inputs)
    assert not torch.equal(a.inputs, other.inputs)


def test_no_held_out_sequence_is_trained_on() -> None:
    made = task("copying", rng=0)
    trained = {tuple(row) for row in made.inputs.tolist()}
    held_out = {tuple(row) for row in made.validation.inputs.tolist()}
    assert len(held_out) == 300
    assert not trained & held_out


def test_too_many_sequences() -> None:
    with pytest.raises(FormatError, match=r"'copying' has hardly more than 1[0-9]{3} different"):
        copying(2000, rng=0)


def test_next_token_by_definition() -> None:
    goal = NextToken(5, (3, 1))
    logits = torch.tensor([[9.0, 1.0, 9.0, 2.0, 9.0], [0.0, 4.0, 0.0, 1.0, 0.0]])
    targets = torch.tensor([[1], [1]])
    p = [float(torch.softmax(torch.tensor(x), 0)[0]) for x in ((1.0, 2.0), (4.0, 1.0))]
    expected = -sum(math.log(x) for x in p) / 2
    assert float(goal.loss(logits, targets)) == pytest.approx(expected, rel=1e-5)
    assert goal.answers(logits).tolist() == [[3], [1]]
    assert goal.accuracy(logits, targets) == 0.5
    with pytest.raises(FormatError, match="other than the choices"):
        goal.check(torch.tensor([[0]]))
    with pytest.raises(FormatError, match="two or more different"):
        NextToken(5, (1, 1))
