"""What a method declares about itself, so that reports and tests can take it into account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args

from netsculpt.core.callables import innermost

__all__ = [
    "Change",
    "is_deterministic",
    "is_own_weights",
    "on_own_weights",
    "variations",
    "varies_with",
]

Function = TypeVar("Function", bound=Callable[..., Any])

Change = Literal["unit scales", "unit order", "seed"]
"""Changes that leave the function of a network as it is.

``unit scales``: a ReLU unit's incoming weights times c > 0, its outgoing ones divided by c.
``unit order``: the units of a hidden layer in another order. ``seed``: another seed of a search;
another order of the units may then also lead the search to another result.
"""

_VARIES, _OWN = "netsculpt_varies_with", "netsculpt_own_weights"


def varies_with(*changes: Change) -> Callable[[Function], Function]:
    """Declare that a method's result may change under `changes`, though the function does not.

    For a detector or metric, this is about the graph as it is given; on ``graph.pattern`` and
    ``graph.balanced``, which know no scales, nothing varies with them. A contract test checks the
    declarations of every catalogue in both directions.

    >>> @varies_with("unit scales")
    ... def largest(graph):
    ...     return abs(graph.weights.data).max()
    >>> sorted(variations(largest))
    ['unit scales']
    """
    unknown = set(changes) - set(get_args(Change))
    if unknown:
        raise ValueError(f"{sorted(unknown)} are not changes: there are {get_args(Change)}")

    def declare(function: Function) -> Function:
        setattr(function, _VARIES, frozenset(changes))
        return function

    return declare


def variations(function: Callable[..., Any]) -> frozenset[Change]:
    """What a method declares to vary with; partials vary as the function that they bind."""
    found: frozenset[Change] = getattr(innermost(function), _VARIES, frozenset())
    return found


def is_deterministic(function: Callable[..., Any]) -> bool:
    """Whether a method does not vary with the seed, as it declares: all its runs are the same.

    >>> is_deterministic(varies_with("seed", "unit order")(lambda graph, *, rng: rng))
    False
    """
    return "seed" not in variations(function)


def on_own_weights(function: Function) -> Function:
    """Declare that a detector decodes functions from a network's own weights, signs included.

    `netsculpt.analyze` then passes it those, whatever form of the weights Q is computed on.

    >>> is_own_weights(on_own_weights(lambda graph: graph.weights))
    True
    """
    setattr(function, _OWN, True)
    return function


def is_own_weights(function: Callable[..., Any]) -> bool:
    """Whether a detector is declared to read a network's own weights."""
    return getattr(innermost(function), _OWN, False)
