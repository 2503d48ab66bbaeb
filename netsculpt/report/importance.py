"""The folder of what each weight of a net is worth: tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.folders import require_replaceable
from netsculpt.report.drawing import Drawing
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.plots.style import Width
    from netsculpt.training.importance import Importance, PruningCurve

__all__ = ["require_importance_folder", "write_importance"]

_MAKER: Final = "importance"
_ASPECT: Final = 0.45


def require_importance_folder(folder: Path) -> None:
    """Raise before the work if its folder is of something else: see `write_importance`."""
    require_replaceable(folder, _MAKER)


def write_importance(
    found: Importance,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    figures: Sequence[str] = (),
    width: Width = "neurips",
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
    drawings: list[Drawing] = [("ablation", _ASPECT, partial(_ablations, found))]
    for name in dict.fromkeys(curve.estimate for curve in found.curves):
        own = [curve for curve in found.curves if curve.estimate == name]
        drawings.append((f"pruned_by_{name}", _ASPECT, partial(_curves, own)))
    results = Results(_MAKER, tables, found.summary(), drawings)
    write_results(
        results, folder, arguments=arguments, seed=found.seed, figures=figures, width=width
    )


def _ablations(found: Importance, figure: Figure) -> None:
    from netsculpt import plots

    left, right = figure.subplots(1, 2)
    plots.ablation(found, data="train", ax=left)
    plots.ablation(found, data="held_out", ax=right)
    right.set_ylabel("")
    right.get_legend().remove()


def _curves(curves: Sequence[PruningCurve], figure: Figure) -> None:
    """On held-out samples, and after recovery if there was one."""
    import numpy as np

    from netsculpt import plots

    recovered = not np.isnan(curves[0].accuracies["recovered"]).any()
    left, right = figure.subplots(1, 2, sharey=True)
    plots.pruning_curves(curves, data="held_out" if recovered else "train", ax=left)
    plots.pruning_curves(curves, data="recovered" if recovered else "held_out", ax=right)
    left.set_title(f"{left.get_title()}, {'held-out' if recovered else 'training'} samples")
    right.set_title("held-out samples" + (", after recovery" if recovered else ""))
    right.set_ylabel("")
    right.get_legend().remove()
