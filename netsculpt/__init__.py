"""netsculpt: network science of sparse neural networks.

A trained sparse model becomes a weighted DAG of its units (`NetGraph`); everything else is a
function from that graph to a small frozen result.

>>> import netsculpt
>>> graph, truth = netsculpt.planted([16, 16, 16], 2, 0.6, 0.02, rng=0)
>>> netsculpt.modules.leiden(graph, rng=0).n_modules
2

Names are imported when they are first used, so that ``import netsculpt`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsculpt import hierarchy, modules, nulls, paths, plots
    from netsculpt.circuits import compile_circuit, parse_circuit, truth_table
    from netsculpt.errors import (
        FormatError,
        GraphError,
        LimitError,
        NetsculptError,
        TopologyError,
        UnsafeFileError,
    )
    from netsculpt.exporting import export
    from netsculpt.graph import Block, Layer, NetGraph
    from netsculpt.graph_files import save
    from netsculpt.hierarchy import Hierarchy
    from netsculpt.interop import from_networkx, to_igraph, to_networkx, to_scipy
    from netsculpt.loading import load
    from netsculpt.matrices import from_matrices
    from netsculpt.monte_carlo import Significance, significance
    from netsculpt.partition import Partition
    from netsculpt.pipeline import Analysis, analyze
    from netsculpt.synthetic import planted

    __version__: str

_HOME = {
    "compile_circuit": "circuits",
    "parse_circuit": "circuits",
    "truth_table": "circuits",
    "FormatError": "errors",
    "GraphError": "errors",
    "LimitError": "errors",
    "NetsculptError": "errors",
    "TopologyError": "errors",
    "UnsafeFileError": "errors",
    "export": "exporting",
    "Block": "graph",
    "Layer": "graph",
    "NetGraph": "graph",
    "save": "graph_files",
    "Hierarchy": "hierarchy",
    "from_networkx": "interop",
    "to_igraph": "interop",
    "to_networkx": "interop",
    "to_scipy": "interop",
    "load": "loading",
    "from_matrices": "matrices",
    "Significance": "monte_carlo",
    "significance": "monte_carlo",
    "Partition": "partition",
    "Analysis": "pipeline",
    "analyze": "pipeline",
    "planted": "synthetic",
}
_SUBPACKAGES = {"hierarchy", "modules", "nulls", "paths", "plots"}

__all__ = sorted([*_HOME, *_SUBPACKAGES])  # noqa: PLE0605 (a list, as the checker wants it)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("netsculpt")
    if name in _SUBPACKAGES:
        return importlib.import_module(f"netsculpt.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"netsculpt.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'netsculpt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
