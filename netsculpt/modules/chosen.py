"""A detector as a caller gives it: a name of the catalogue, or a function of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature, unwrap
from typing import Any

from netsculpt.core.catalog import named, names
from netsculpt.core.errors import GraphError
from netsculpt.core.random import RNG
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["GivenDetector", "chosen_detector", "detector_name"]

GivenDetector = str | Callable[..., Any]  # (graph, *, rng) -> labels [U] or Partition

_CATALOGUES = ("detectors", "data_aware")


def detector_name(given: GivenDetector) -> str:
    """The name of a detector in tables and manifests: that of its function.

    Raises
    ------
    GraphError
        If a function has no name that could head a column, or the name of another detector.

    Examples
    --------
    >>> from netsculpt.modules import layered
    >>> detector_name(layered)
    'layered'
    """
    if isinstance(given, str):
        return given
    name = getattr(given, "__name__", None)
    if not callable(given):
        raise GraphError(
            f"detector is {given!r:.80}: a name, or a function (graph, *, rng) that returns one "
            "label per unit, is needed"
        )
    if not isinstance(name, str) or not name.isidentifier():
        raise GraphError(
            f"detector {given!r:.80} has no name for tables: define it by def, or set its __name__"
        )
    for catalogue in _CATALOGUES:
        if name in names(catalogue) and unwrap(named(catalogue, name)) is not unwrap(given):
            raise GraphError(
                f"the function {name!r} has the name of another detector of netsculpt: rename it"
            )
    return name


def chosen_detector(given: GivenDetector) -> Callable[..., Partition]:
    """The detector that a caller chose by name or gives as a function.

    A function may return labels [U] or a `Partition`; the detector returns a `Partition` whose
    method is the function's name. What the function declares (`netsculpt.core.declared`) holds.

    Raises
    ------
    FormatError
        If no detector has the name.
    GraphError
        If the function cannot be called as ``detector(graph, rng=rng)``, has no name, or, when it
        is called, returns anything but one whole number per unit.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([2, 2], 1, 1.0, 0.0, rng=0)
    >>> def by_parity(graph, *, rng):
    ...     return graph.positions % 2
    >>> chosen_detector(by_parity)(graph, rng=0)
    Partition(by_parity: 2 modules)
    """
    name = detector_name(given)
    if isinstance(given, str) or name in names("detectors"):
        return named("detectors", name)
    _check_signature(name, given)

    @wraps(given)
    def detector(graph: NetGraph, *, rng: RNG = None, **options: Any) -> Partition:
        return _partition(name, graph, given(graph, rng=rng, **options))

    return detector


def _check_signature(name: str, function: Callable[..., Any]) -> None:
    try:
        taken = signature(function)
    except ValueError:  # of compiled functions it may be unknown
        return
    try:
        taken.bind(None, rng=None)
    except TypeError as error:
        raise GraphError(
            f"detector {name!r} takes ({', '.join(taken.parameters)}) and is called as "
            f"{name}(graph, rng=rng) ({error}): define it as def {name}(graph, *, rng), with "
            "default values for other arguments"
        ) from None


def _partition(name: str, graph: NetGraph, returned: Any) -> Partition:
    given = returned if isinstance(returned, Partition) else None
    try:
        labels = returned if given is None else given.labels
        partition = Partition(labels, name, None if given is None else given.quality)
    except (GraphError, TypeError, ValueError) as error:
        raise GraphError(f"detector {name!r} returned no labels: {error}") from error
    if partition.labels.size != graph.n_units:
        raise GraphError(
            f"detector {name!r} returned {partition.labels.size} labels for a graph of "
            f"{graph.n_units} units: one label per unit of the graph it is called with is needed, "
            "−1 for a unit without module (null networks and live() have other graphs)"
        )
    return partition
