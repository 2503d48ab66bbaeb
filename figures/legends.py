"""One legend for all panels of a figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["one_legend"]


def one_legend(page: Figure, axes: Iterable[Axes], n_columns: int) -> None:
    """Below the panels, with each entry once."""
    labels: dict[str, Any] = {}
    for ax in axes:
        labels |= {x: h for h, x in zip(*ax.get_legend_handles_labels(), strict=True)}
    page.legend(list(labels.values()), list(labels), loc="outside lower center", ncols=n_columns)
