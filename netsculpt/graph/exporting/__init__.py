"""Export of graphs to other programs: Gephi, networkx, igraph, SciPy, Neuronpedia."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Final

from numpy.typing import ArrayLike

from netsculpt.core.errors import GraphError
from netsculpt.core.writing import replacing
from netsculpt.graph.exporting._xml import unescaped
from netsculpt.graph.exporting.attribution import attribution
from netsculpt.graph.exporting.gexf import gexf
from netsculpt.graph.exporting.graphml import graphml
from netsculpt.graph.exporting.wann import wann
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.npz import save
from netsculpt.graph.partition import Partition

__all__ = ["ENDINGS", "export", "unescaped"]
__dir__ = __all__.copy

_TEXTS: Final = MappingProxyType({".gexf": gexf, ".graphml": graphml})
ENDINGS: Final = (*_TEXTS, ".json", ".npz", ".out")


def export(
    graph: NetGraph,
    path: str | Path,
    *,
    partition: Partition | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a graph in the format of the file ending.

    In GEXF and GraphML, nodes are unit indices with ``label``, ``layer``, ``role``, ``position``,
    the graph's `attributes` and, with a partition, ``module`` (−1 = none). Edges have the signed
    ``weight``, its ``magnitude``, ``kind`` and, if the graph has it, ``multiplicity``; for layouts
    and statistics of Gephi, which need weights ≥ 0, copy ``magnitude`` to ``weight`` there. Edges
    of weight 0 are written, but Gephi drops them on import with a warning. What networkx reads from
    such a file, `netsculpt.from_networkx` turns into the same layers, edges and weights. Strings
    are escaped so that any name can be read back (`unescaped`).

    Parameters
    ----------
    graph
        The network.
    path
        Ends in ``.gexf`` (Gephi, with a layout), ``.graphml`` (Gephi, networkx, igraph) or ``.npz``
        (SciPy and `netsculpt.load`), ``.json`` (an attribution graph, for the pages that show such
        graphs and `netsculpt.load`), or ``.out`` (a weight agnostic network, for the code of its
        authors and `netsculpt.load`). The file appears whole or not at all.
    partition
        Adds the attribute ``module`` to the nodes, or supernodes to ``.json``; not for ``.npz`` and
        ``.out``.
    columns
        Further node attributes, name → values [U]; only for ``.gexf`` and ``.graphml``.

    Raises
    ------
    GraphError
        If the ending is unknown, or an argument does not fit the graph or the format.

    Examples
    --------
    >>> import tempfile
    >>> from netsculpt.graph.matrices import from_matrices
    >>> path = Path(tempfile.mkdtemp()) / "graph.gexf"
    >>> export(from_matrices([[[0.5, -2.0]]]), path, columns={"depth": [0, 0, 1]})
    """
    ending = Path(path).suffix.lower()
    if ending in _TEXTS or (ending == ".json" and columns is None):
        texts = (
            attribution(graph, partition)
            if ending == ".json"
            else _TEXTS[ending](graph, partition, columns or {})
        )
        head = next(texts)  # raises for wrong arguments, before there is a file
        with replacing(path) as file:
            file.writelines(text.encode() for text in chain([head], texts))
        return
    if ending not in ENDINGS:
        raise GraphError(f"ending {ending!r} found: one of {', '.join(ENDINGS)} is needed")
    if partition is not None or columns is not None:
        raise GraphError(
            f"{ending} holds only the graph: write .gexf or .graphml for modules, columns"
        )
    if ending == ".npz":
        save(graph, path)
        return
    text = wann(graph)
    with replacing(path) as file:
        file.write(text.encode())
