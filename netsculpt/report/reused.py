"""The folder of a comparison of a target with its source: tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.figure_style import FigureStyle
from netsculpt.report.drawing import Drawing
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.training.transfer.reuse_analysis import NetReport, ReuseAnalysis

__all__ = ["write_reuse"]

_MAKER: Final = "reuse"
_SIDES: Final = ("source", "target")
_ASPECT: Final = 0.6
_LOST: Final = "accuracy lost by resampling"


def write_reuse(
    analysis: ReuseAnalysis,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    inputs: Sequence[str] = (),
    figures: FigureStyle,
) -> None:
    """Write summary.json, functions.csv, matching.csv, tables of both nets, and figures/.

    `arguments` are the command's own; its seed is among them. For the rest see
    `netsculpt.report.results.write_results`.
    """
    tables = {"functions": analysis.table(), "matching": analysis.matching.table()}
    for side, net in zip(_SIDES, (analysis.source, analysis.target), strict=True):
        tables[f"interchange_{side}"] = net.interchange.table()
        tables[f"lesions_{side}"] = net.lesions.table()
        tables[f"function_lesions_{side}"] = net.function_lesions.table()
    if analysis.start is not None:
        tables["masks"] = analysis.start.masks.table()
        tables["matching_by_units"] = analysis.start.units.table()
        if analysis.start.retention is not None:
            tables["weights"] = analysis.start.retention.table()
    drawings: list[Drawing] = [
        ("modules", _ASPECT, partial(_modules, analysis)),
        ("lesions_source", _ASPECT, partial(_lesions, analysis.source)),
        ("lesions_target", _ASPECT, partial(_lesions, analysis.target)),
    ]
    results, seed = Results(_MAKER, tables, analysis.summary(), drawings), arguments.get("seed")
    write_results(
        results,
        folder,
        arguments=arguments,
        seed=seed,
        inputs=inputs,
        figures=figures,
    )


def _modules(analysis: ReuseAnalysis, figure: Figure) -> None:
    from netsculpt import plots

    least = analysis.subtasks.thresholds[1]
    plots.alluvial(
        analysis.matching,
        source_names=analysis.source.module_names,
        target_names=analysis.target.module_names,
        least_similarity=least,
        ax=figure.add_subplot(),
    )


def _lesions(net: NetReport, figure: Figure) -> None:
    """Accuracy lost by resampling, which takes a net to no state that it does not have."""
    from netsculpt import plots

    kind = net.lesions.kinds.index("resample")
    drop, q = net.lesions.drop[kind], net.lesions.q[kind]
    plots.lesion_map(
        drop,
        q=q,
        module_names=net.module_names,
        output_names=net.lesions.outputs,
        label=_LOST,
        ax=figure.add_subplot(),
    )
