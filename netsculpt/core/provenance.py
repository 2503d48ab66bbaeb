"""The history of a graph: one frozen step for each function that made or changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from netsculpt.core.version import __version__

__all__ = ["Step", "step"]


@dataclass(frozen=True)
class Step:
    """One step of a graph's history."""

    function: str
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON-able values
    version: str = ""
    input_hash: str | None = None  # "sha256:…" of the file that was read

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by way of a dict, as a read-only mapping cannot be pickled."""
        return Step, (self.function, dict(self.parameters), self.version, self.input_hash)


def step(function: str, *, input_hash: str | None = None, **parameters: Any) -> Step:
    """Record a step by this version of netsculpt."""
    return Step(function, parameters, __version__, input_hash)
