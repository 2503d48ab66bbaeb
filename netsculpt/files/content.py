"""What a format reads from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Content"]

Kind = Literal["tensors", "graph", "program", "wann", "wann weights", "attribution"]


@dataclass(frozen=True)
class Content:
    """The parsed content of a file."""

    value: Any  # dicts and lists of tensors and plain values; or a NetGraph, a Program, …
    sha256: str  # "sha256:…" of all bytes that were read
    kind: Kind = "tensors"  # of `value`
    ordered: bool = True  # whether names are in the order in which the model defines them
    details: Mapping[str, Any] = field(default_factory=dict)  # more for the provenance, JSON-able
