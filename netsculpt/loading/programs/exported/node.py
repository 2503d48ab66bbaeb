"""An operation of an exported program, as its file states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.engine.activation import refusal

__all__ = ["NO_RULE", "ExportedNode"]

NO_RULE = "there is no rule that says which units it connects"


@dataclass(frozen=True)
class ExportedNode:
    """An operation that may change its first argument in place."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[str | None, ...]  # None: a value that is not a tensor
    several: bool  # whether its value is a tuple or a list, even of one tensor
    layer: str
    in_place: bool

    def refusal(self, reason: str) -> TopologyError:
        """The error that this operation cannot be followed."""
        return refusal(self.name, self.layer, reason)
