"""What `analyze` is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from netsculpt.core.catalog import names
from netsculpt.core.errors import GraphError
from netsculpt.core.forms import FORMS
from netsculpt.core.numbers import checked_whole
from netsculpt.modules.chosen import GivenDetector, detector_name

__all__ = ["AnalysisPlan"]


@dataclass(frozen=True)
class AnalysisPlan:
    """What `analyze` is asked for.

    Raises `GraphError` if a number is negative, a name is repeated, or a form of the weights is
    unknown.
    """

    # Names in the catalogues "detectors" and "data_aware", or functions (graph, *, rng) -> labels.
    detectors: tuple[GivenDetector, ...] = ("layered",)
    null: str = "rewire"  # in the catalogue "nulls": what "by chance" means
    # Null networks per detector, 0: no z and no p; the least p is 1/(n_nulls + 1). Detectors that
    # weigh evidence (`netsculpt.core.declared.with_evidence`) need none but for the hierarchy.
    n_nulls: int = 100
    n_seeds: int = 20  # runs per detector to measure its stability; below 2: not measured
    weights: tuple[str, ...] = (
        "balanced",
    )  # in netsculpt.core.forms; detectors run on each, or on the first if they read no weights

    def __post_init__(self) -> None:
        checked_whole(self.n_nulls, "n_nulls")
        checked_whole(self.n_seeds, "n_seeds", least=0)
        if self.n_nulls < 0:
            raise GraphError(f"n_nulls is {self.n_nulls}: a number ≥ 0 is needed")
        if isinstance(self.detectors, str) or callable(self.detectors):
            raise GraphError(f"detectors is {self.detectors!r:.80}: a tuple is needed, (…,)")
        _check_names("detectors", tuple(map(detector_name, self.detectors)))
        _check_names("weights", self.weights)
        unknown = [name for name in self.weights if name not in FORMS]
        if unknown or not self.weights:
            raise GraphError(
                f"weights are {list(self.weights)}: at least one of {', '.join(FORMS)} is needed"
            )
        object.__setattr__(self, "detectors", tuple(map(_by_name, self.detectors)))
        object.__setattr__(self, "weights", tuple(self.weights))
        _check_names("detectors with weights", tuple(self.keys.values()))

    @property
    def keys(self) -> dict[tuple[str, str], str]:
        """Name of each detector on each form: the detector's own on the first form."""
        return {
            (detector, form): detector if form == self.weights[0] else f"{detector}_{form}"
            for detector in map(detector_name, self.detectors)
            for form in self.weights
        }

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """Detectors that are given as functions, by name."""
        return {detector_name(x): x for x in self.detectors if not isinstance(x, str)}

    def summary(self) -> dict[str, Any]:
        """What is asked for, JSON-able; where functions come from, if there are any."""
        defined = {
            name: f"{function.__module__}.{getattr(function, '__qualname__', name)}"
            for name, function in self.functions.items()
        }
        return {
            **vars(self),
            "detectors": tuple(map(detector_name, self.detectors)),
            **({"functions": defined} if defined else {}),
        }


def _by_name(detector: GivenDetector) -> GivenDetector:
    """The name of a detector of the catalogues, or the function that is in none."""
    name = detector_name(detector)
    return name if name in names("detectors") or name in names("data_aware") else detector


def _check_names(what: str, given: Collection[str]) -> None:
    """Raise unless these are different names; a single string would be read letter by letter."""
    if isinstance(given, str) or len(set(given)) < len(given):
        raise GraphError(f"{what} is {given!r}: a tuple of different names is needed")
