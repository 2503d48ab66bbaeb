"""The folder of what each weight of a net is worth: tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.figure_style import WIDTHS, FigureStyle
from netsculpt.core.folders import require_replaceable
from netsculpt.report.drawing import Drawing
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netsculpt.training.importance import Importance, PruningCurve

__all__ = ["ABLATIONS", "require_importance_folder", "write_importance"]

ABLATIONS: Final = "ablations"  # a folder: what is known of them
_MAKER: Final = "importance"
_WIDE: Final = 4.5  # inches, from which on two panels stand side by side
_ASPECTS: Final = (0.5, 1.25)  # side by side, one above the other


def require_importance_folder(folder: Path) -> None:
    """Raise before the work if its folder is of something else: see `write_importance`."""
    require_replaceable(folder, _MAKER, [ABLATIONS])


def write_importance(
    found: Importance,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    inputs: Sequence[str] = (),
    figures: FigureStyle,
) -> None:
    """Write summary.json, weights.csv, correlations.csv, effects.csv, curves.csv, and figures/.

    For the rest see `netsculpt.report.results.write_results`.
    """
    import pandas as pd

    tables = {
        "weights": found.table(),
        "correlations": found.correlations(),
        "effects": found.effects(),
        "curves": pd.DataFrame([row for curve in found.curves for row in curve.rows()]),
    }
    aspect = _ASPECTS[0 if WIDTHS[figures.width] >= _WIDE else 1]
    drawings: list[Drawing] = [("ablation", aspect, partial(_ablations, found))]
    for name in dict.fromkeys(curve.estimate for curve in found.curves):
        own = [curve for curve in found.curves if curve.estimate == name]
        drawings.append((f"pruned_by_{name}", aspect, partial(_curves, own)))
    results = Results(_MAKER, tables, found.summary(), drawings)
    write_results(
        results,
        folder,
        arguments=arguments,
        seed=found.seed,
        inputs=inputs,
        figures=figures,
        left_alone=[ABLATIONS],
    )


def _ablations(found: Importance, figure: Figure) -> None:
    from netsculpt import plots

    first, last = _panels(figure)
    plots.ablation(found, data="train", ax=first)
    plots.ablation(found, data="held_out", ax=last)
    _join(figure, first, last)


def _curves(curves: Sequence[PruningCurve], figure: Figure) -> None:
    """On held-out samples, and after recovery if there was one."""
    import numpy as np

    from netsculpt import plots

    recovered = not np.isnan(curves[0].accuracies["recovered"]).any()
    first, last = _panels(figure)
    plots.pruning_curves(curves, data="held_out" if recovered else "train", ax=first)
    plots.pruning_curves(curves, data="recovered" if recovered else "held_out", ax=last)
    figure.suptitle(f"pruned {first.get_title()}", fontsize=first.title.get_fontsize())
    first.set_title("held-out samples" if recovered else "training samples")
    last.set_title("held-out samples" + (", after recovery" if recovered else ""))
    _join(figure, first, last)


def _panels(figure: Figure) -> tuple[Axes, Axes]:
    """Two axes with the same scales: side by side, or one above the other in a narrow column."""
    across = figure.get_figwidth() >= _WIDE
    first, last = figure.subplots(*((1, 2) if across else (2, 1)), sharex=True, sharey=True)
    return first, last


def _join(figure: Figure, first: Axes, last: Axes) -> None:
    """One legend and one label of the shared axis for two panels."""
    figure.supylabel(last.get_ylabel(), fontsize=last.yaxis.label.get_fontsize())
    first.set_ylabel("")
    last.set_ylabel("")
    without = last if figure.get_figwidth() >= _WIDE else first
    if without is first:
        first.set_xlabel("")
    legend = without.get_legend()
    if legend is not None:
        legend.remove()
