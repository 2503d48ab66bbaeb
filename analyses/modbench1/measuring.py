"""What is measured on a cell: networks of one family, by every entrant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from modbench1.cost import measured
from modbench1.entrants import FORMS, Entrant, entrants
from modbench1.network import Network, digest
from modbench1.scores import scores
from modbench1.suites import networks_of
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.synthetic import planted
from netsculpt.modules import quality
from netsculpt.nulls import rebalanced, rewire, significance
from netsculpt.studies.study import Rows

__all__ = ["COSTS", "Cell", "measure"]

COSTS = "costs"  # suite of a cell that measures what one entrant costs


@dataclass(frozen=True)
class Cell:
    """Some networks of a family, or what an entrant costs."""

    suite: str
    family: str  # of `COSTS`: the entrant
    first: int
    stop: int  # of `COSTS`: the width of the network
    n_nulls: int  # 0: no network is compared with null networks
    entrants: tuple[tuple[str, str], ...]  # name and version
    content: str = ""  # digest of the list of published networks


def measure(folder: Path | None, graph_tool: str | None, cell: Cell) -> Rows:
    """Rows "networks" (one per network and entrant), "made" (per network), or "costs"."""
    if cell.suite == COSTS:
        row = measured(cell.family, cell.stop, graph_tool)
        return {"costs": [{"entrant": cell.family, **row}]}
    chosen = [entrants(graph_tool)[name] for name, _ in cell.entrants]
    for entrant in chosen:
        _warm(entrant)
    rows, made = list[dict[str, Any]](), list[dict[str, Any]]()
    indices = range(cell.first, cell.stop)
    for index, network in zip(
        indices, networks_of(cell.suite, cell.family, indices, folder), strict=True
    ):
        about = {"suite": cell.suite, "family": cell.family, "index": index}
        made.append({**about, **_described(network)})
        forms = {name: form(network.graph) for name, form in FORMS.items()}
        for entrant in chosen:
            if entrant.suits(network):
                row = _row(entrant, network, forms, cell, index)
                rows.append({**about, "entrant": entrant.name, "sees": entrant.sees, **row})
    return {"networks": rows, "made": made}


def _row(
    entrant: Entrant, network: Network, forms: Mapping[str, NetGraph], cell: Cell, index: int
) -> dict[str, Any]:
    name = cell.suite, cell.family, index, entrant.name
    form = forms[entrant.sees]
    found, seconds = entrant.modules(network, form, stream(0, "entrant", *name))
    judged = scores(network, found, stream(0, "hierarchy", *name))
    row = {"seconds": seconds, **judged, "labels": found.labels}
    if cell.n_nulls and entrant.tested:
        row |= _test(entrant, network, forms, cell.n_nulls, stream(0, "nulls", *name))
    return row


def _test(
    entrant: Entrant,
    network: Network,
    forms: Mapping[str, NetGraph],
    n_nulls: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Q of the entrant's modules against null networks, on the pattern or on balanced weights."""
    by_pattern = entrant.sees == "pattern"
    result = significance(
        partial(_quality, entrant, network),
        forms["pattern" if by_pattern else "balanced"],
        null=rewire if by_pattern else rebalanced(rewire),
        n=n_nulls,
        rng=rng,
    )
    return {"q": result.value, "p": result.p, "z": result.z, "delta": result.delta}


def _quality(entrant: Entrant, network: Network, graph: NetGraph) -> float:
    """Q of the modules found with the same stream in every network: a function of it alone."""
    return quality(graph, entrant.modules(network, graph, stream(0, "test"))[0])


def _described(network: Network) -> dict[str, Any]:
    graph, labels = network.graph, network.truth.labels
    live = live_units(graph)
    source, target = labels[graph.sources], labels[graph.weights.indices]
    known = (source >= 0) & (target >= 0)
    return {
        "units": graph.n_units,
        "edges": graph.n_edges,
        "live": int(live.sum()),
        "scored": float((labels[live] >= 0).mean()),
        "modules": network.truth.n_modules,
        "inside": float((source == target)[known].mean()),
        "feeds": None if network.feeds is None else len(network.feeds),
        "digest": digest([network])[:16],
    }


@cache
def _warm(entrant: Entrant) -> None:
    """Load libraries and compile code, so that no network's time holds it."""
    graph, truth = planted((6, 6, 6), 2, 0.8, 0.2, rng=0)
    network = Network(graph, truth, influence=np.ones((graph.n_units, graph.outputs.size)))
    entrant.modules(network, FORMS[entrant.sees](graph), stream(0, "warm"))
