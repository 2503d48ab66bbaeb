"""The folder of a circuit: tables, its graph and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.folders import replaced_folder, require_replaceable
from netsculpt.core.manifest import write_manifest
from netsculpt.core.writing import write_json
from netsculpt.graph.npz import save
from netsculpt.report.drawing import Drawing, write_drawings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.graph.graph import NetGraph
    from netsculpt.plots.style import Width
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
    figures: Sequence[str] = (),
    width: Width = "neurips",
) -> None:
    """Write summary.json, ablations.csv, places.csv, channels.csv, graph.npz and figures/.

    `arguments` are the command's own; its seed is among them. For what happens to other files see
    `netsculpt.core.folders.replaced_folder`.
    """
    tables = {
        "ablations": circuit.table(),
        "places": circuit.places(),
        "channels": circuit.channels(),
    }
    drawings: list[Drawing] = [("circuit", _ASPECT, partial(_drawn, circuit))]
    drawn = [f"figures/{name}.{ending}" for name, *_ in drawings for ending in figures]
    files = ["summary.json", "graph.npz", *(f"{name}.csv" for name in tables), *drawn]
    with replaced_folder(folder, _MAKER, files):
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        save(graph, folder / "graph.npz")
        write_json(folder / "summary.json", {**arguments, **circuit.summary()})
        write_drawings(drawings, folder / "figures", figures, width)
        about = {"maker": _MAKER, "arguments": dict(arguments), "seed": arguments.get("seed")}
        write_manifest(folder, {**about, "files": sorted(files)})


def _drawn(circuit: Circuit, figure: Figure) -> None:
    from netsculpt import plots

    left, right = figure.subplots(1, 2)
    plots.circuit_places(circuit, ax=left)
    plots.circuit_ablations(circuit, ax=right)
