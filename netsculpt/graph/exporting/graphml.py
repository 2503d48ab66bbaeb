"""GraphML, readable by Gephi, networkx, igraph, yEd and Cytoscape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.graph.exporting._attributes import edge_attributes, formatted_lines, node_attributes
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["graphml"]

_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns \
http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
<!-- written by netsculpt -->
"""


def graphml(
    graph: NetGraph, partition: Partition | None, columns: Mapping[str, ArrayLike]
) -> Iterator[str]:
    """The text of a graph as GraphML in parts."""
    nodes, edges = node_attributes(graph, partition, columns), edge_attributes(graph)
    yield _HEAD
    for letter, kind, attributes in (("n", "node", nodes), ("e", "edge", edges)):
        for index, x in enumerate(attributes):
            yield (
                f'<key id="{letter}{index}" for="{kind}" attr.name="{x.name}" '
                f'attr.type="{x.type}"/>\n'
            )
    yield '<graph edgedefault="directed">\n'
    data = "".join(f'<data key="n{index}">{x.form}</data>' for index, x in enumerate(nodes))
    line = f'<node id="%d">{data}</node>\n'
    yield from formatted_lines(line, np.arange(graph.n_units), *(x.values for x in nodes))
    data = "".join(f'<data key="e{index}">{x.form}</data>' for index, x in enumerate(edges))
    line = f'<edge source="%d" target="%d">{data}</edge>\n'
    ends = graph.sources, graph.weights.indices
    yield from formatted_lines(line, *ends, *(x.values for x in edges))
    yield "</graph>\n</graphml>\n"
