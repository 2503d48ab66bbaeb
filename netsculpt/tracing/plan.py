"""What the user asks of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from netsculpt.core.errors import GraphError

__all__ = ["EdgeNorm", "Granularity", "Plan"]

EdgeNorm = Literal["l1", "l2", "sum"]
Granularity = Literal["channel", "spatial"]


@dataclass(frozen=True)
class Plan:
    """Options of `netsculpt.trace`, checked."""

    edge_norm: EdgeNorm = "l1"
    fold_norms: bool = True
    granularity: Granularity = "channel"
    unroll: int = 1  # steps of a recurrent layer
    max_edges: int = 100_000_000

    def __post_init__(self) -> None:
        _check("edge_norm", self.edge_norm, get_args(EdgeNorm))
        _check("granularity", self.granularity, get_args(Granularity))
        for name in ("unroll", "max_edges"):
            if getattr(self, name) < 1:
                raise GraphError(f"{name} is {getattr(self, name)}: 1 or more is needed")


def _check(name: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise GraphError(f"{name} is {given!r}: one of {', '.join(known)} is needed")
