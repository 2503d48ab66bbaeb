"""The folder of a comparison of a target with its source: tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.folders import replaced_folder
from netsculpt.core.manifest import write_manifest
from netsculpt.core.writing import write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netsculpt.plots.style import Width
    from netsculpt.training.transfer.reuse_analysis import NetReport, ReuseAnalysis

__all__ = ["write_reuse"]

_MAKER: Final = "reuse"
_SIDES: Final = ("source", "target")
_FIGURES: Final = ("modules", *(f"lesions_{side}" for side in _SIDES))


def write_reuse(
    analysis: ReuseAnalysis,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    figures: Sequence[str] = (),
    width: Width = "neurips",
) -> None:
    """Write summary.json, functions.csv, matching.csv, tables of both nets, and figures/.

    `arguments` are the command's own; its seed is among them. For what happens to other files see
    `netsculpt.core.folders.replaced_folder`.
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
    drawn = [f"figures/{name}.{ending}" for name in _FIGURES for ending in figures]
    files = ["summary.json", *(f"{name}.csv" for name in tables), *drawn]
    with replaced_folder(folder, _MAKER, files):
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        write_json(folder / "summary.json", {**arguments, **analysis.summary()})
        _write_figures(analysis, folder / "figures", figures, width)
        write_manifest(
            folder,
            {
                "maker": _MAKER,
                "arguments": dict(arguments),
                "seed": arguments.get("seed"),
                "files": sorted(files),
            },
        )


def _write_figures(
    analysis: ReuseAnalysis, folder: Path, formats: Sequence[str], width: Width
) -> None:
    if not formats:
        return
    from netsculpt import plots
    from netsculpt.plots import style

    def draw(name: str, ax: Axes) -> None:
        if name == "modules":
            least = analysis.subtasks.thresholds[1]
            plots.alluvial(analysis.matching, least_similarity=least, ax=ax)
        else:
            _lesions(analysis.source if name.endswith("source") else analysis.target, ax)

    folder.mkdir(parents=True, exist_ok=True)
    for name in _FIGURES:
        with style.paper(width):
            figure = style.figure(width, 0.6)
            draw(name, figure.add_subplot())
            for ending in formats:
                style.write_figure(figure, folder / f"{name}.{ending}")


def _lesions(net: NetReport, ax: Axes) -> None:
    """Accuracy lost by resampling, which takes a net to no state that it does not have."""
    from netsculpt import plots

    kind = net.lesions.kinds.index("resample")
    plots.lesion_map(net.lesions.drop[kind], q=net.lesions.q[kind], ax=ax)
