"""What the name of a parameter says about its layer."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["family", "leaf", "modules", "says", "words"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NUMBER = re.compile(r"\d+")


def modules(name: str) -> list[str]:
    """The layers around a parameter, from the outermost.

    >>> modules("encoder.0.fc1.weight")
    ['encoder', '0', 'fc1']
    """
    return name.split(".")[:-1]


def leaf(name: str) -> str:
    """A parameter's own name.

    >>> leaf("encoder.0.fc1.weight")
    'weight'
    """
    return name.rpartition(".")[2]


def words(name: str) -> list[str]:
    """The words and numbers of a name, in lower case.

    >>> words("up_conv1.convT2"), words("ConvTranspose_0")
    (['up', 'conv', '1', 'conv', 't', '2'], ['conv', 'transpose', '0'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def family(name: str) -> tuple[str, tuple[int, ...]]:
    """A name with its numbers left out, and those numbers.

    >>> family("layer1.0.conv2")
    ('layer#.#.conv#', (1, 0, 2))
    """
    return _NUMBER.sub("#", name), tuple(int(x[:18]) for x in _NUMBER.findall(name))


def says(name: str, *vocabularies: frozenset[str]) -> int | None:
    """Index of the vocabulary that has a word of a parameter's name; None: none has.

    The innermost layer with such a word decides; there, the first vocabulary.

    >>> says("up1.conv.weight", frozenset({"up"}), frozenset({"conv"}))
    1
    """
    for each in _from_inside(name):
        for index, vocabulary in enumerate(vocabularies):
            if vocabulary.intersection(each):
                return index
    return None


def _from_inside(name: str) -> Iterator[list[str]]:
    for module in reversed(modules(name) or [name]):
        yield words(module)
