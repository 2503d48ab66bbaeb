"""Folders of comparisons: of two networks, and of two groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.figure_style import ALL_FIGURES, FigureStyle
from netsculpt.core.progress import Progress
from netsculpt.report.drawing import Drawing
from netsculpt.report.html.groups import COMPARE, groups_page
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.compare import GroupComparison
    from netsculpt.pipeline import NetworkComparison

__all__ = ["write_comparison", "write_groups"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_ROW: Final = 0.028  # height of a feature in the figure, in widths


def write_comparison(
    compared: NetworkComparison,
    folder: str | Path,
    *,
    about: Mapping[str, Any] = _NOTHING,
    inputs: Sequence[str] = (),
    figures: FigureStyle = ALL_FIGURES,
    progress: Progress | None = None,
) -> None:
    """Write summary.json, edges.csv, units.csv, modules.csv, and a figure of the modules.

    `about` may name both networks and the seed, `inputs` are the hashes of what was read. For what
    happens to other files see `netsculpt.core.folders.replaced_folder`.
    """
    modules = compared.module_matching.table()
    labels = compared.second_labels
    modules["target"] = [labels[target] for target in modules["target"]]
    tables = {"edges": compared.edges.table(), "units": compared.units(), "modules": modules}
    drawings: list[Drawing] = [("modules", 0.7, partial(_modules, compared))]
    write_results(
        Results(COMPARE, tables, compared.summary(), drawings),
        Path(folder),
        arguments=about,
        seed=about.get("seed"),
        inputs=inputs,
        figures=figures,
        progress=progress,
    )


def write_groups(
    compared: GroupComparison,
    features: Sequence[Mapping[str, float]],
    folder: str | Path,
    *,
    about: Mapping[str, Any] = _NOTHING,
    inputs: Sequence[str] = (),
    figures: FigureStyle = ALL_FIGURES,
    progress: Progress | None = None,
) -> None:
    """Write report.html, summary.json, features.csv (tests), models.csv (networks), a figure.

    `features` are those of the first group, then of the second, as they were compared. `about` may
    name the networks of each, as "first" and "second", and the seed; else they are numbered. For
    the rest see `write_comparison`.
    """
    import pandas as pd

    sides = zip(("first", "second"), compared.n, strict=True)
    numbered = {side: [f"{side} {number}" for number in range(1, n + 1)] for side, n in sides}
    about = {**numbered, **about}
    models = pd.DataFrame(list(features))
    models.insert(0, "model", [*about["first"], *about["second"]])
    models.insert(0, "group", ["first"] * compared.n[0] + ["second"] * compared.n[1])
    tables = {"features": compared.table(), "models": models}
    drawings: list[Drawing] = [
        ("features", 0.25 + _ROW * len(compared.features), partial(_features, compared))
    ]
    summary = compared.summary()
    page = partial(groups_page, {**about, **summary})
    write_results(
        Results(COMPARE, tables, summary, drawings, page=page),
        Path(folder),
        arguments=about,
        seed=about.get("seed"),
        inputs=inputs,
        figures=figures,
        progress=progress,
    )


def _modules(compared: NetworkComparison, figure: Figure) -> None:
    from netsculpt import plots

    ax = plots.alluvial(
        compared.module_matching,
        target_names=[str(label) for label in compared.second_labels],
        ax=figure.add_subplot(),
    )
    ax.set_xticks(ax.get_xticks(), ["first", "second"])


def _features(compared: GroupComparison, figure: Figure) -> None:
    from netsculpt import plots

    plots.effect_sizes(compared, ax=figure.add_subplot())
