"""The configuration of a sweep: the task, the net, seeds and gradients, training and methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from netsculpt.core.catalog import names
from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole

if TYPE_CHECKING:
    from netsculpt.nets.families import NetSpec

__all__ = ["METHODS", "SweepConfig", "fits"]

METHODS: Final = ("unit_score", "edge_score", "schedule")  # each a method of its catalogue, + s

_WEIGHTS_TOGETHER: Final = 20_000_000  # weights in one batch, before pruning


@dataclass(frozen=True)
class SweepConfig:
    """What is sculpted, and how. Equal configurations give equal bytes on the same machine."""

    task: str  # as `netsculpt.training.tasks.parse_task` reads it
    widths: tuple[int, ...]  # of a multi-layer perceptron; none: the net is `net`
    seeds: tuple[int, ...]
    unit_gradients: tuple[float, ...] = (10.0,)
    edge_gradients: tuple[float, ...] = (2.0,)
    goal_accuracy: float = 1.0
    epochs: int = 40
    batch_size: int = 8
    learning_rate: float = 0.05
    weight_decay: float = 1e-4
    noise: float = 0.1
    unit_score: str = "activation_gradient"
    edge_score: str = "magnitude"
    schedule: str = "linear"
    rewind: bool = False
    single_edges: bool = False
    published: bool = False  # with the protocol of the authors' code
    device: str = "cpu"
    together: int = 1000  # at most so many runs in one stacked batch
    net: str = ""  # of another kind, as `netsculpt.nets.written` reads it; trained one by one

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(SweepConfig).items():
            if isinstance(getattr(self, name), list):  # as plan.json has it
                object.__setattr__(self, name, tuple(getattr(self, name)))
            if not fits(getattr(self, name), hint):
                raise FormatError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)!r:.80}: "
                    f"{hint if get_args(hint) else hint.__name__} is needed"
                )
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else [values]:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    checked_number(value, name.replace("_", " "))
        for name, least in {"epochs": 1, "batch_size": 1, "together": 1}.items():
            checked_whole(getattr(self, name), name.replace("_", " "), least=least)
        for name in ("widths", "seeds", "unit_gradients", "edge_gradients"):
            if not getattr(self, name) and not (name == "widths" and self.net):
                raise FormatError(f"{name.replace('_', ' ')} is empty: at least one is needed")
        if self.widths and self.net:
            raise FormatError(
                f"widths are {self.widths}, and the net is {self.net!r:.80}: give one of the two"
            )
        for name in METHODS:
            if getattr(self, name) not in names(f"{name}s"):
                raise FormatError(
                    f"{name.replace('_', ' ')} {getattr(self, name)!r} is not one of "
                    f"{', '.join(names(f'{name}s'))}"
                )

    @property
    def spec(self) -> NetSpec:
        """The net."""
        from netsculpt.nets.families import MLP
        from netsculpt.nets.written import spec_from_text

        return spec_from_text(self.net) if self.net else MLP(self.widths)

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """Seeds that are sculpted together, as one stacked batch; of nets of other kinds each."""
        if self.net:
            return [(seed,) for seed in self.seeds]
        n_weights = sum(a * b for a, b in zip(self.widths, self.widths[1:], strict=False))
        n_pairs = len(self.unit_gradients) * len(self.edge_gradients)
        size = max(1, min(self.together, _WEIGHTS_TOGETHER // max(1, n_weights)) // n_pairs)
        return [self.seeds[start : start + size] for start in range(0, len(self.seeds), size)]


def fits(value: object, hint: Any) -> bool:
    """Whether a value, perhaps read from a file, has the type of a field."""
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(fits(x, get_args(hint)[0]) for x in value)
    return type(value) in ((float, int) if hint is float else (hint,))
