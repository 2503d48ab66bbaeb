"""Which figures a test has drawn, as the option of the commands says it."""

from __future__ import annotations

from dataclasses import dataclass, field

from netsculpt.plots.style import Width


@dataclass
class FigureChoice:
    """Formats and width of figures; none by default."""

    formats: list[str] = field(default_factory=list)
    column: Width = "neurips"
