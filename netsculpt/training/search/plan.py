"""What a search for weight agnostic networks is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_fraction, checked_number, checked_whole
from netsculpt.training.search.selection import Selection

__all__ = ["SHARED_WEIGHTS", "Mutations", "SearchPlan"]

_LARGEST: Final = 1e6  # |shared weight|: products along a path are float32
SHARED_WEIGHTS: Final = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Mutations:
    """How often a child differs by each mutation: relative frequencies."""

    add_connection: float = 0.20
    add_unit: float = 0.25
    enable_connection: float = 0.05
    change_activation: float = 0.50

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            checked_number(share, f"the frequency of {name}", least=0)
        if not sum(vars(self).values()):
            raise FormatError("no mutation has a frequency above 0: a search needs one")


@dataclass(frozen=True)
class SearchPlan:
    """What a search for weight agnostic networks is asked for, as published by default.

    Source: Gaier and Ha 2019 (arXiv:1906.04358), and its code.
    """

    population: int = 192
    generations: int = 1024  # evaluations of the population, the first one included
    repetitions: int = 3  # episodes, or batches, per weight in each generation
    final_repetitions: int = 20  # the same for a champion before it is accepted
    weights: tuple[float, ...] = SHARED_WEIGHTS  # [W] each shared by all connections
    initially_enabled: float = 0.5  # chance of each connection in the first generation
    by_size: float = 0.8  # chance of a generation to be ranked by mean and size, not mean and best
    selection: Selection = field(default_factory=Selection)
    mutations: Mutations = field(default_factory=Mutations)
    published: bool = False  # faults of the published code included: docs/weight-agnostic.md

    def __post_init__(self) -> None:
        for name in ("population", "generations", "repetitions", "final_repetitions"):
            checked_whole(getattr(self, name), name, least=1, most=1_000_000_000)
        checked_whole(self.selection.tournament, "tournament", least=1, most=1_000_000)
        for name, share in (
            ("initially_enabled", self.initially_enabled),
            ("by_size", self.by_size),
            ("culled", self.selection.culled),
            ("elite", self.selection.elite),
        ):
            checked_fraction(share, name)
        for weight in self.weights:
            checked_number(weight, "a shared weight", least=-_LARGEST, most=_LARGEST)
        if not self.weights or 0 in self.weights or len({*self.weights}) < len(self.weights):
            raise FormatError(
                f"shared weights are {', '.join(f'{x:g}' for x in self.weights) or 'not given'}: "
                "one or more are needed, each once, and none of them 0"
            )
        if self.selection.sizes(self.population)[0] < 1:
            raise FormatError(
                f"a population of {self.population} of which {self.selection.culled:.0%} are "
                "culled has no survivor: cull fewer"
            )

    @property
    def about(self) -> dict[str, Any]:
        """All of it but `generations`, JSON-able: a search can be continued for longer."""
        about = {**vars(self), "weights": list(self.weights)}
        del about["generations"]
        return {**about, "selection": vars(self.selection), "mutations": vars(self.mutations)}
