"""The folder of a circuit: tables, its graph and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.folders import require_replaceable
from netsculpt.graph.npz import save
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.graph.graph import NetGraph
    from netsculpt.training.influence.circuits import Circuit

__all__ = ["require_circuit_folder", "write_circuit"]

_MAKER: Final = "circuit"
_ASPECT: Final = 0.45


def require_circuit_folder(folder: Path) -> None:
    """Raise before the work if its folder is of something else: see `write_circuit`."""
    require_replaceable(folder, _MAKER)


def write_circuit(
    circuit: Circuit,
    graph: NetGraph,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    inputs: Sequence[str] = (),
    figures: FigureStyle,
) -> None:
    """Write summary.json, ablations.csv, places.csv, channels.csv, graph.npz and figures/.

    `arguments` are the command's own; its seed is among them. For the rest see
    `netsculpt.report.results.write_results`.
    """
    tables = {
        "ablations": circuit.table(),
        "places": circuit.places(),
        "channels": circuit.channels(),
    }
    results = Results(
        _MAKER,
        tables,
        circuit.summary(),
        [("circuit", _ASPECT, partial(_drawn, circuit))],
        {"graph.npz": partial(save, graph)},
    )
    seed = arguments.get("seed")
    write_results(
        results,
        folder,
        arguments=arguments,
        seed=seed,
        inputs=inputs,
        figures=figures,
    )


def _drawn(circuit: Circuit, figure: Figure) -> None:
    from netsculpt import plots

    left, right = figure.subplots(1, 2)
    plots.circuit_places(circuit, ax=left)
    plots.circuit_ablations(circuit, ax=right)
