"""An operation of an exported program, as its file names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.engine.activation import refusal

__all__ = ["NO_RULE", "Node"]

NO_RULE = "there is no rule that says which units it connects"


@dataclass(frozen=True)
class Node:
    """An operation that may change its first argument in place."""

    name: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    outputs: tuple[str | None, ...]  # None: a value that is no tensor
    several: bool  # whether it gives a tuple or a list, even one of a single tensor
    layer: str
    in_place: bool

    def refusal(self, found: str) -> TopologyError:
        """The error that it cannot be followed."""
        return refusal(self.name, self.layer, found)
