"""The network of a page as packed data: what is drawn, and what is known of each unit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.plots.layouts.stages import stages
from netsculpt.plots.style import MODULE_PALETTE
from netsculpt.report.html.definitions import meaning
from netsculpt.report.html.drawn import Drawn

__all__ = ["MOST_CELLS", "about_network", "network_arrays", "shipped"]

MOST_CELLS: Final = 4_000_000  # of the table of units
_FIRST: Final = ("module_", "path_share", "in_degree", "out_degree", "confidence_", "live")


def about_network(
    graph: NetGraph, picture: Drawn, keys: Sequence[str], columns: Collection[str]
) -> dict[str, Any]:
    """Names, places and totals, JSON-able. `keys` are of detectors, `columns` of the units."""
    return {
        "layers": [[x.name, x.role, x.start, x.stop] for x in graph.layers],
        "columns": [[name, at] for name, at in picture.columns],
        "stages": [
            [stage.name, stage.first, stage.stop, list(stage.inner)]
            for stage in stages([name for name, _ in picture.columns])
        ],
        "world": {"width": picture.width, "height": picture.height},
        "totals": dict(picture.totals),
        "keys": list(keys),
        "texts": {
            name: [str(x) for x in np.unique(values)]
            for name, values in graph.attributes.items()
            if values.dtype.kind == "U"
        },
        "palette": list(MODULE_PALETTE),
        "told": {name: meaning(name) for name in [*columns, *graph.attributes]},
    }


def network_arrays(graph: NetGraph, picture: Drawn) -> dict[str, NDArray[Any]]:
    """Places of the drawn units, targets of the drawn edges, and what the model says of units."""
    assert graph.positions is not None  # filled in by the constructor
    names = ("unit", "x", "y", "diameter", "out_degree", "target", "wiring")
    arrays: dict[str, NDArray[Any]] = {name: getattr(picture, name) for name in names}
    arrays["position"] = graph.positions
    for name, values in graph.attributes.items():
        if values.dtype.kind == "U":
            arrays[f"text:{name}"] = np.unique(values, return_inverse=True)[1].astype(np.int64)
        else:
            arrays[f"column:{name}"] = np.asarray(values)
    return arrays


def shipped(names: Collection[str], n_cells: int) -> list[str]:
    """Columns of the table of units, the most asked for first, as many as a browser can take.

    `n_cells` are those of one column.
    """
    first = sorted(
        names, key=lambda name: next((i for i, x in enumerate(_FIRST) if name.startswith(x)), 99)
    )
    return first[: max(MOST_CELLS // max(n_cells, 1), 1)]
