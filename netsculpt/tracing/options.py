"""The options of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole

__all__ = ["EdgeNorm", "Granularity", "Norms", "TraceOptions"]

EdgeNorm = Literal["l1", "l2", "sum"]
Granularity = Literal["channel", "spatial"]
Norms = Literal["scale", "dense"]


@dataclass(frozen=True)
class TraceOptions:
    """Options of `netsculpt.trace`, checked."""

    edge_norm: EdgeNorm = "l1"
    fold_norms: bool = True
    norms: Norms = "scale"
    granularity: Granularity = "channel"
    unroll: int = 1  # steps of a recurrent layer
    max_edges: int = 100_000_000

    def __post_init__(self) -> None:
        literals = {"edge_norm": EdgeNorm, "norms": Norms, "granularity": Granularity}
        for name, literal in literals.items():
            value, choices = getattr(self, name), get_args(literal)
            if value not in choices:
                raise GraphError(f"{name} is {value!r}: one of {', '.join(choices)} is needed")
        for name in ("unroll", "max_edges"):
            checked_whole(getattr(self, name), name, least=1)
