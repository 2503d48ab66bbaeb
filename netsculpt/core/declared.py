"""What a method declares about itself, so that reports and tests can take it into account."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from math import inf
from typing import Any, Literal, TypeVar, get_args

from netsculpt.core.callables import innermost

__all__ = [
    "Change",
    "evidence_of",
    "holds_together",
    "is_deterministic",
    "is_own_weights",
    "is_without_weights",
    "needed_by",
    "needs",
    "on_own_weights",
    "slow_from",
    "slow_size",
    "variations",
    "varies_with",
    "with_evidence",
    "without_weights",
]

Function = TypeVar("Function", bound=Callable[..., Any])

Change = Literal["unit scales", "input scales", "unit order", "seed"]
"""Changes that leave the function of a network as it is.

``unit scales``: a ReLU unit's incoming weights times c > 0, its outgoing ones divided by c.
``input scales``: the same of an input, in whatever it is measured: samples times c, weights
divided by c. ``unit order``: the units of a hidden layer in another order. ``seed``: another seed
of a search; another order of the units may then also lead the search to another result.
"""

_VARIES, _OWN = "netsculpt_varies_with", "netsculpt_own_weights"
_WITHOUT, _EVIDENCE = "netsculpt_without_weights", "netsculpt_evidence"
_NEEDS, _SLOW = "netsculpt_needs", "netsculpt_slow_from"


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


def holds_together(detector: Callable[..., Any]) -> bool:
    """Whether a detector takes ``together``: a group of each unit [U], which it does not divide.

    >>> holds_together(lambda graph, *, together=None, rng=None: None)
    True
    """
    return "together" in signature(detector).parameters


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


def without_weights(function: Function) -> Function:
    """Declare that a detector reads which edges there are, and no weight beyond whether it is 0.

    `netsculpt.analyze` then runs it on the first form of the weights only: the others would give
    the same modules again.

    >>> is_without_weights(without_weights(lambda graph: graph.weights.indices))
    True
    """
    setattr(function, _WITHOUT, True)
    return function


def is_without_weights(function: Callable[..., Any]) -> bool:
    """Whether a detector is declared to read no weights."""
    return getattr(innermost(function), _WITHOUT, False)


def with_evidence(evidence: Callable[..., Any]) -> Callable[[Function], Function]:
    """Declare that a detector weighs by itself whether there are modules, and by what function.

    ``evidence(graph, *, rng)`` returns what `netsculpt.modules.ModuleEvidence` is an example of: a
    ``partition``, which is the detector's, the ``evidence`` in nats (ln of the odds of modules
    against none), whether it is ``accepted``, ``bits_per_edge`` and a ``summary()``.
    `netsculpt.analyze` then reports it, and draws no null networks to test the modules with.

    >>> from types import SimpleNamespace
    >>> weigh = lambda graph, *, rng=None: SimpleNamespace(partition=graph)
    >>> evidence_of(with_evidence(weigh)(lambda graph, *, rng=None: graph)) is weigh
    True
    """

    def declare(function: Function) -> Function:
        setattr(function, _EVIDENCE, evidence)
        return function

    return declare


def evidence_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function by which a detector weighs its modules; None if it declares none."""
    found: Callable[..., Any] | None = getattr(innermost(function), _EVIDENCE, None)
    return found


def needs(*libraries: str) -> Callable[[Function], Function]:
    """Declare which libraries of extras a method needs; "all" leaves it out without them.

    >>> needed_by(needs("igraph")(lambda graph: graph))
    ('igraph',)
    """

    def declare(function: Function) -> Function:
        setattr(function, _NEEDS, libraries)
        return function

    return declare


def needed_by(function: Callable[..., Any]) -> tuple[str, ...]:
    """The libraries that a method declares to need beyond those of the package."""
    found: tuple[str, ...] = getattr(innermost(function), _NEEDS, ())
    return found


def slow_from(n_edges: int) -> Callable[[Function], Function]:
    """Declare that a detector takes long on networks of so many edges and more.

    `netsculpt.AnalysisPlan` then asks for fewer runs, unless it is told how many.

    >>> slow_size(slow_from(5_000)(lambda graph, *, rng=None: graph))
    5000
    """

    def declare(function: Function) -> Function:
        setattr(function, _SLOW, n_edges)
        return function

    return declare


def slow_size(function: Callable[..., Any]) -> float:
    """The number of edges from which on a detector is declared to take long; ∞ if it is not."""
    found: float = getattr(innermost(function), _SLOW, inf)
    return found
