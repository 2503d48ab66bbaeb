"""The folder of a search for topologies: champion, tables, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.folders import require_replaceable
from netsculpt.graph.exporting import export
from netsculpt.graph.npz import save
from netsculpt.report.results import Results, write_results
from netsculpt.training.search.graphs import graph_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from netsculpt.training.search.result import Champion, Searched

__all__ = ["STATE", "require_search_folder", "write_search"]

STATE: Final = "search.pt"
_MAKER: Final = "wann"
_GALLERY: Final = 4  # champions shown


def require_search_folder(folder: Path) -> None:
    """Raise before the search if its folder is of something else: see `write_search`."""
    require_replaceable(folder, _MAKER, [STATE])


def write_search(
    searched: Searched,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    inputs: Sequence[str] = (),
    figures: FigureStyle,
) -> None:
    """Write champion.out, graph.npz, history.csv, champions.csv, summary.json and figures/.

    The state of the search, which stands in the same folder, is left alone. For what happens to
    other files see `netsculpt.report.results.write_results`.
    """
    graph = graph_of(searched.champion.topology)
    results = Results(
        _MAKER,
        {"history": searched.table().reset_index(), "champions": _champions(searched)},
        searched.summary(),
        [(name, aspect, partial(draw, searched)) for name, aspect, draw in _DRAWINGS],
        {"champion.out": partial(export, graph), "graph.npz": partial(save, graph)},
    )
    write_results(
        results,
        folder,
        arguments={
            **arguments,
            "generations": searched.plan.generations,
            **searched.plan.about,
        },
        seed=arguments.get("seed"),
        inputs=inputs,
        figures=figures,
        left_alone=[STATE],
    )


def _champions(searched: Searched) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "generation": champion.generation,
            "units": champion.topology.n_units,
            "edges": champion.topology.n_edges,
            "mean": champion.mean,
            **{
                f"reward_{weight:g}": reward
                for weight, reward in zip(searched.plan.weights, champion.rewards, strict=True)
            },
        }
        for champion in searched.champions
    ]
    return pd.DataFrame(rows)


def _front(searched: Searched, figure: Figure) -> None:
    from netsculpt import plots

    plots.search_front(searched, ax=figure.add_subplot())


def _history(searched: Searched, figure: Figure) -> None:
    from netsculpt import plots

    plots.search_history(searched, ax=figure.add_subplot())


def _champion(searched: Searched, figure: Figure) -> None:
    from netsculpt import plots

    plots.network(graph_of(searched.champion.topology), ax=figure.add_subplot())


def _gallery(searched: Searched, figure: Figure) -> None:
    """Champions from the first to the last, two by two."""
    from netsculpt import plots

    chosen = _chosen(searched.champions)
    for index, champion in enumerate(chosen, start=1):
        ax = figure.add_subplot(-(-len(chosen) // 2), min(2, len(chosen)), index)
        ax.set_xlabel(f"generation {champion.generation}: mean {champion.mean:.4g}")
        plots.network(graph_of(champion.topology), ax=ax)


def _chosen(champions: Sequence[Champion]) -> list[Champion]:
    places = np.linspace(0, len(champions) - 1, min(_GALLERY, len(champions))).round()
    return [champions[int(place)] for place in places]


_DRAWINGS: Final = (
    ("front", 0.6, _front),
    ("history", 0.6, _history),
    ("champion", 0.6, _champion),
    ("gallery", 0.9, _gallery),
)
