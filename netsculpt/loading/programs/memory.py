"""The memory that following a program takes, which the limit of its file bounds."""

from __future__ import annotations

from netsculpt.files.errors import require_memory

__all__ = ["Memory"]

_KEPT_BYTES = 8  # per element of each activation, for its unit
_RULE_BYTES = 56  # more per element of the activation whose rule runs


class Memory:
    """The memory that the values of a program take, added up before any is computed."""

    def __init__(self, max_bytes: int, where: str) -> None:
        self.max_bytes, self._where, self._taken = max_bytes, where, 0

    def take(self, n_elements: int, what: str) -> None:
        """Account for an activation; an error if the limit leaves no memory for it."""
        self._take(n_elements * _KEPT_BYTES, n_elements * _RULE_BYTES, what)

    def take_constant(self, n_bytes: int, what: str) -> None:
        """Account for a value that no unit belongs to."""
        self._take(n_bytes, 0, what)

    def _take(self, kept: int, passing: int, what: str) -> None:
        self._taken += kept
        needed = self._taken + passing
        claim = f"{self._where} makes {what}: that and all before it need {needed} bytes"
        require_memory(needed, self.max_bytes, f"{claim} (a batch of 1 needs the least)")
