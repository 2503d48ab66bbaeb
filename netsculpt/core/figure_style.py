"""How figures are drawn and written: in which formats, how wide, with which texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from netsculpt.core.errors import FormatError

__all__ = ["ALL_FIGURES", "FORMATS", "NO_FIGURES", "WIDTHS", "FigureStyle", "Width"]

Width = Literal["neurips", "icml", "nature", "nature-double"]

FORMATS: Final = ("pdf", "png", "svg")
WIDTHS: Final[Mapping[Width, float]] = MappingProxyType(  # inches
    {"neurips": 5.5, "icml": 3.25, "nature": 89 / 25.4, "nature-double": 183 / 25.4}
)


@dataclass(frozen=True)
class FigureStyle:
    """How the figures of a folder are drawn.

    Raises
    ------
    FormatError
        If a format or the width is not one of those that there are.

    Examples
    --------
    >>> FigureStyle(("svg",), "nature", verdicts=False).summary()
    {'figures': ['svg'], 'width': 'nature', 'verdicts': False}
    """

    formats: tuple[str, ...] = FORMATS  # each figure is written in every one; (): none is drawn
    width: Width = "neurips"  # the column that figures are made for
    verdicts: bool = True  # whether figures of modules say in words what these are worth

    def __post_init__(self) -> None:
        """Check what a caller passed."""
        object.__setattr__(self, "formats", tuple(self.formats))
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown:
            raise FormatError(
                f"format is {unknown[0]!r:.40}: one of {', '.join(FORMATS)} is needed"
            )
        if self.width not in WIDTHS:
            raise FormatError(f"width is {self.width!r:.40}: one of {', '.join(WIDTHS)} is needed")

    def summary(self) -> dict[str, Any]:
        """What a manifest says of it, JSON-able."""
        return {"figures": list(self.formats), "width": self.width, "verdicts": self.verdicts}


ALL_FIGURES: Final = FigureStyle()
NO_FIGURES: Final = FigureStyle(())
