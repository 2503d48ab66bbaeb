"""What `analyze` is asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from netsculpt.core.errors import GraphError
from netsculpt.core.forms import FORMS
from netsculpt.core.numbers import checked_whole

__all__ = ["AnalysisPlan"]


@dataclass(frozen=True)
class AnalysisPlan:
    """What `analyze` is asked for.

    Raises `GraphError` if a number is negative, a name is repeated, or a form of the weights is
    unknown.
    """

    detectors: tuple[str, ...] = ("layered",)  # in the catalogues "detectors", "data_aware"
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
        _check_names("detectors", self.detectors)
        _check_names("weights", self.weights)
        unknown = [name for name in self.weights if name not in FORMS]
        if unknown or not self.weights:
            raise GraphError(
                f"weights are {list(self.weights)}: at least one of {', '.join(FORMS)} is needed"
            )
        object.__setattr__(self, "detectors", tuple(self.detectors))
        object.__setattr__(self, "weights", tuple(self.weights))
        _check_names("detectors with weights", tuple(self.keys.values()))

    @property
    def keys(self) -> dict[tuple[str, str], str]:
        """Name of each detector on each form: the detector's own on the first form."""
        return {
            (detector, form): detector if form == self.weights[0] else f"{detector}_{form}"
            for detector in self.detectors
            for form in self.weights
        }


def _check_names(what: str, given: Collection[str]) -> None:
    """Raise unless these are different names; a single string would be read letter by letter."""
    if isinstance(given, str) or len(set(given)) < len(given):
        raise GraphError(f"{what} is {given!r}: a tuple of different names is needed")
