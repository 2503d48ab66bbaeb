"""What matplotlib parses for each figure again, parsed once: "10⁻¹" at a tick is a formula."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from matplotlib.mathtext import MathTextParser


def parse_once() -> None:
    """Let all figures share what has been parsed; matplotlib keeps it for one of them."""
    parse = MathTextParser._parse_cached.__wrapped__  # type: ignore[attr-defined]

    @lru_cache(1000)
    def parsed(output: str, *formula: Any) -> Any:
        return parse(parsers[output], *formula)

    def shared(self: Any, *formula: Any) -> Any:
        return parsed(self._output_type, *formula)

    parsers = {"vector": MathTextParser("path"), "raster": MathTextParser("agg")}
    MathTextParser._parse_cached = shared  # type: ignore[method-assign]
