"""What a format's reader hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Content"]


@dataclass(frozen=True)
class Content:
    """The tensors of a file, as it nests them."""

    value: Any  # dicts and lists of tensors and plain values; a NetGraph; a Program
    sha256: str  # "sha256:…" of all that was read
    ordered: bool = True  # whether names come in the order in which the model made them
    details: Mapping[str, Any] = field(default_factory=dict)  # more for the provenance, JSON-able

    @property
    def is_program(self) -> bool:
        """Whether the value is a `Program`, told without importing torch."""
        return type(self.value).__module__ == "netsculpt.tracing.program"
