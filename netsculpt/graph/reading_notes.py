"""What a reader has to know about how the file of a graph was read."""

from __future__ import annotations

from typing import Any

from netsculpt.core.counting import counted
from netsculpt.core.numbers import is_whole
from netsculpt.graph.graph import NetGraph

__all__ = ["notes_on_reading"]


def notes_on_reading(graph: NetGraph) -> tuple[str, ...]:
    """That weights were left out of the graph, and that links may have been read wrongly.

    Both are counted in the provenance by the function that read the file.

    Examples
    --------
    >>> import netsculpt
    >>> notes_on_reading(netsculpt.planted([4, 4], 2, 0.9, 0.1, rng=0)[0])
    ()
    """
    n_dropped, n_ambiguous = _total(graph, "nonfinite_dropped"), _total(graph, "n_ambiguous")
    notes = []
    if n_dropped:
        notes.append(f"{counted(n_dropped, 'weight')} left out: NaN, infinite or beyond float32.")
    if n_ambiguous:
        notes.append(
            f"{counted(n_ambiguous, 'link')} may be read wrongly: an error and a feature share the "
            "id of the source, and either can feed the target. What is read is a link of the one "
            "that comes first in the file."
        )
    return tuple(notes)


def _total(graph: NetGraph, key: str) -> int:
    """The sum of a count in the provenance, where the file of a graph may have anything."""
    counts: list[Any] = [step.parameters.get(key) for step in graph.provenance]
    return sum(int(n) for n in counts if is_whole(n))
