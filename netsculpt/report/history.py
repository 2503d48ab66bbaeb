"""The folder of what happened to a net: tables, figures, and the masks that were recorded in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.figure_style import WIDTHS, FigureStyle
from netsculpt.core.folders import MASKS
from netsculpt.report.drawing import Drawing
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.training.history import History

__all__ = ["write_history"]

_WIDE: Final = 4.5  # inches, from which on two panels stand side by side
_ASPECTS: Final = (0.45, 1.3)  # side by side, one above the other


def write_history(
    history: History,
    folder: Path,
    maker: str,
    *,
    arguments: Mapping[str, Any],
    seed: int,
    inputs: Sequence[str] = (),
    figures: FigureStyle,
) -> None:
    """Write history.csv, layers.csv, summary.json and figures/; masks.record is left alone.

    Layers are there if masks were recorded, and a figure if what it shows was measured. For the
    rest see `netsculpt.report.results.write_results`.
    """
    tables = {"history": history.table()}
    aspect = _ASPECTS[0 if WIDTHS[figures.width] >= _WIDE else 1]
    drawings: list[Drawing] = []
    if not all(math.isnan(point.held_out_accuracy) for point in history.points):
        drawings.append(("curves", aspect, partial(_curves, history)))
        if len({point.density for point in history.points}) > 1:
            drawings.append(("accuracy_vs_density", 0.5, partial(_accuracy, history)))
    if history.by_layer:
        tables["layers"] = history.layers()
        drawings.append(("layers", aspect, partial(_layers, history)))
    write_results(
        Results(maker, tables, history.summary(), drawings),
        folder,
        arguments=arguments,
        seed=seed,
        inputs=inputs,
        figures=figures,
        left_alone=[MASKS] if folder.joinpath(MASKS).exists() else [],
    )


def _curves(history: History, figure: Figure) -> None:
    from netsculpt import plots

    first, last = _panels(figure)
    plots.training_curves(history, "accuracy", ax=first)
    plots.training_curves(history, "loss", ax=last)


def _layers(history: History, figure: Figure) -> None:
    from netsculpt import plots

    first, last = _panels(figure)
    plots.density_by_layer(history, ax=first)
    plots.live_units_by_layer(history, ax=last)


def _accuracy(history: History, figure: Figure) -> None:
    from netsculpt import plots

    plots.accuracy_vs_density({"": history}, ax=figure.add_subplot())


def _panels(figure: Figure) -> Any:
    """Two axes side by side, or one above the other in a narrow column."""
    across = figure.get_figwidth() >= _WIDE
    return figure.subplots(*((1, 2) if across else (2, 1)))
