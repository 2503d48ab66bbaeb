"""What `analyze` is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from netsculpt.core.catalog import names
from netsculpt.core.declared import slow_size
from netsculpt.core.errors import GraphError
from netsculpt.core.forms import FORMS
from netsculpt.core.numbers import checked_whole
from netsculpt.modules.chosen import GivenDetector, detector_name

__all__ = ["USUAL", "AnalysisPlan", "Repeats"]


class Repeats(NamedTuple):
    """How often modules are sought again."""

    n_nulls: int  # in null networks
    n_seeds: int  # in the network itself


USUAL = Repeats(100, 20)
_OF_SLOW = Repeats(20, 10)  # p is .048 at least, enough for a verdict; the hierarchy needs as many


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
    # None: 100, and 20 for detectors that are slow on a network of this size.
    n_nulls: int | None = None
    # Runs per detector to measure its stability; below 2: not measured. None: 20; 10 of slow ones.
    n_seeds: int | None = None
    weights: tuple[str, ...] = (
        "balanced",
    )  # in netsculpt.core.forms; detectors run on each, or on the first if they read no weights

    def __post_init__(self) -> None:
        if self.n_nulls is not None:
            checked_whole(self.n_nulls, "n_nulls", least=0)
        if self.n_seeds is not None:
            checked_whole(self.n_seeds, "n_seeds", least=0)
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
    def repeats(self) -> Repeats:
        """How often a detector is run that is not slow; the hierarchy is tested as often."""
        return self._asked(USUAL)

    def repeats_of(self, detector: Callable[..., Any], n_edges: int) -> Repeats:
        """How often this detector is run on a network of so many edges.

        >>> from netsculpt.modules import layered, leiden
        >>> AnalysisPlan().repeats_of(leiden, 20_000), AnalysisPlan().repeats_of(layered, 20_000)
        (Repeats(n_nulls=20, n_seeds=10), Repeats(n_nulls=100, n_seeds=20))
        >>> AnalysisPlan(n_nulls=1000).repeats_of(leiden, 20_000)
        Repeats(n_nulls=1000, n_seeds=10)
        """
        return self._asked(_OF_SLOW if n_edges >= slow_size(detector) else USUAL)

    def _asked(self, otherwise: Repeats) -> Repeats:
        return Repeats(
            otherwise.n_nulls if self.n_nulls is None else self.n_nulls,
            otherwise.n_seeds if self.n_seeds is None else self.n_seeds,
        )

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
