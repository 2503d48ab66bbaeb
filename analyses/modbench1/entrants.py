"""Who takes part: every detector of netsculpt's catalogues, and detectors of other libraries."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from types import MappingProxyType

import numpy as np

from modbench1 import others
from modbench1.network import Network
from netsculpt.core.catalog import named, names
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.modules import spectral

__all__ = ["DEFAULT", "FORMS", "Entrant", "entrants"]

DEFAULT = "layered"  # what `netsculpt analyze` uses

FORMS: Mapping[str, Callable[[NetGraph], NetGraph]] = MappingProxyType(
    {
        "balanced": lambda graph: graph.balanced,
        "pattern": lambda graph: graph.pattern,
        "weights": lambda graph: graph,
    }
)
_OTHER_FORMS = {  # of netsculpt's detectors; all others see balanced weights
    "mdl": "pattern",  # uses no weights
    "path_signature": "weights",  # decodes functions from shares of paths
    "sculpting": "pattern",
}

Find = Callable[[NetGraph, np.random.Generator], Partition]


@dataclass(frozen=True)
class Entrant:
    """A detector and what it is shown."""

    name: str
    library: str
    version: str | None  # None: not installed
    sees: str  # one of `FORMS`
    find: Find | None = None  # None: it also needs data or the true number of modules
    needs: str = ""  # "data", or "k": the true number of modules
    tested: bool = True  # whether its Q is compared with null networks
    process: others.GraphTool | None = None  # runs elsewhere, and says how long it took

    def suits(self, network: Network) -> bool:
        """Whether it can be asked for the modules of a network."""
        if self.needs == "data":
            return network.influence is not None
        return self.needs != "k" or network.has_modules

    def modules(
        self, network: Network, form: NetGraph, rng: np.random.Generator
    ) -> tuple[Partition, float]:
        """Modules of a network, shown as `form`, and the processor time in seconds."""
        if self.process is not None:
            return self.process(form, rng)
        began = time.process_time()
        if self.needs == "data":
            found: Partition = named("data_aware", self.name)(form, network.influence, rng=rng)
        elif self.needs == "k":
            found = spectral(form, rng=rng, k=min(network.truth.n_modules, _most(form)))
        else:
            assert self.find is not None
            found = self.find(form, rng)
        return found, time.process_time() - began


@cache
def entrants(graph_tool: str | None = None) -> Mapping[str, Entrant]:
    """All entrants by name, those that are not installed included.

    `graph_tool` is the Python that has graph-tool; default: this one.
    """
    own = version("netsculpt")
    everyone = [
        Entrant(name, "netsculpt", own, _OTHER_FORMS.get(name, "balanced"), partial(_own, name))
        for name in names("detectors")
    ]
    everyone += [
        Entrant(name, "netsculpt", own, "weights", needs="data", tested=False)
        for name in names("data_aware")
    ]
    everyone.append(Entrant("n-cut with k", "netsculpt", own, "balanced", needs="k", tested=False))
    everyone += [
        _other("leidenalg modularity", "leidenalg", others.leidenalg),
        _other("igraph Leiden", "igraph", others.igraph_leiden),
        _other("igraph Infomap", "igraph", others.igraph_infomap),
        _other("infomap directed", "infomap", others.infomap),
        _other("networkit PLM", "networkit", others.networkit),
    ]
    block_model = others.GraphTool(graph_tool or sys.executable)
    everyone.append(
        Entrant(
            "graph-tool nested SBM",
            "graph-tool",
            block_model.version(),
            "pattern",
            tested=False,  # seconds a network; it accepts modules by description length
            process=block_model,
        )
    )
    return {entrant.name: entrant for entrant in everyone}


def _own(name: str, graph: NetGraph, rng: np.random.Generator) -> Partition:
    found: Partition = named("detectors", name)(graph, rng=rng)
    return found


def _other(name: str, library: str, find: Find) -> Entrant:
    installed = version(library) if find_spec(library) else None
    return Entrant(name, library, installed, "balanced", find)


def _most(graph: NetGraph) -> int:
    """The largest k that there are units for."""
    return max(1, int(graph.live().n_units))
