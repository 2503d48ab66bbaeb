"""GraphML, readable by Gephi, networkx, igraph, yEd and Cytoscape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.writing import replacing
from netsculpt.graph.exporting._attributes import edge_attributes, formatted_lines, node_attributes
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["write_graphml"]

_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns \
http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""


def write_graphml(
    graph: NetGraph,
    path: str | Path,
    *,
    partition: Partition | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a graph as GraphML.

    Nodes are unit indices with ``label``, ``layer``, ``role``, ``position`` and, with a partition,
    ``module`` (−1 = none). Edges have ``weight``, ``signed_weight``, ``kind`` and, if the graph has
    it, ``multiplicity``.

    ``weight`` is the magnitude, since Gephi's layouts and statistics need weights ≥ 0; the sign is
    in ``signed_weight``. Edges of weight 0 are written, but Gephi drops them on import with a
    warning. Strings are escaped so that any name can be read back (`unescaped`).

    Parameters
    ----------
    graph
        The network.
    path
        The file; it appears whole or not at all.
    partition
        Modules of the units [U].
    columns
        Further node attributes, name → values [U].

    Raises
    ------
    GraphError
        If the partition or a column does not fit the graph.
    """
    nodes, edges = node_attributes(graph, partition, columns), edge_attributes(graph)
    node_data = "".join(f'<data key="n{index}">{x.form}</data>' for index, x in enumerate(nodes))
    edge_data = "".join(f'<data key="e{index}">{x.form}</data>' for index, x in enumerate(edges))
    with replacing(path) as file:

        def write(text: str) -> None:
            file.write(text.encode())

        write(_HEAD)
        for letter, kind, attributes in (("n", "node", nodes), ("e", "edge", edges)):
            for index, x in enumerate(attributes):
                write(
                    f'<key id="{letter}{index}" for="{kind}" attr.name="{x.name}" '
                    f'attr.type="{x.type}"/>\n'
                )
        write('<graph edgedefault="directed">\n')
        units = np.arange(graph.n_units)
        for text in formatted_lines(
            f'<node id="%d">{node_data}</node>\n', units, *(x.values for x in nodes)
        ):
            write(text)
        ends = graph.sources, graph.weights.indices
        line = f'<edge source="%d" target="%d">{edge_data}</edge>\n'
        for text in formatted_lines(line, *ends, *(x.values for x in edges)):
            write(text)
        write("</graph>\n</graphml>\n")
