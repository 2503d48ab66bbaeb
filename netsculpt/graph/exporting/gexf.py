"""GEXF 1.3, Gephi's native format, with layers laid out from left to right."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.graph.exporting._attributes import (
    Attribute,
    edge_attributes,
    formatted_lines,
    node_attributes,
)
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition, labels_of

__all__ = ["gexf"]

_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://gexf.net/1.3 http://gexf.net/1.3/gexf.xsd" version="1.3">
<meta><creator>netsculpt</creator></meta>
<graph defaultedgetype="directed" mode="static">
"""
_SPACING: Final = 10.0  # between units of the widest layer: Gephi's default node diameter
_ASPECT: Final = 1.6  # width of the layout over its height
_GREY: Final = (190, 190, 190)
_GOLDEN: Final = (np.sqrt(5.0) - 1.0) / 2.0  # of a turn between hues, which never nearly repeat


def gexf(
    graph: NetGraph, partition: Partition | None, columns: Mapping[str, ArrayLike]
) -> Iterator[str]:
    """The text of a graph as GEXF 1.3 in parts, with a position and a colour for each unit.

    Layers are drawn from left to right; inside a layer units are sorted by module. Colours
    distinguish modules (grey = none), or layers without a partition.
    """
    label, *nodes = node_attributes(graph, partition, columns)
    weight, *edges = edge_attributes(graph)
    labels = None if partition is None else labels_of(graph, partition)
    colours = _colours(graph.layer_of if labels is None else labels)
    x, y = _places(graph, np.zeros(graph.n_units) if labels is None else labels)
    yield _HEAD + _declared("node", nodes) + _declared("edge", edges) + "<nodes>\n"
    line = (
        f'<node id="%d" label="%s">{_values(nodes)}<viz:color r="%d" g="%d" b="%d"/>'
        '<viz:position x="%.7g" y="%.7g" z="0"/></node>\n'
    )
    units, values = np.arange(graph.n_units), (node.values for node in nodes)
    yield from formatted_lines(line, units, label.values, *values, *colours.T, x, y)
    yield "</nodes>\n<edges>\n"
    line = f'<edge source="%d" target="%d" weight="{weight.form}">{_values(edges)}</edge>\n'
    ends, values = (graph.sources, graph.weights.indices), (edge.values for edge in edges)
    yield from formatted_lines(line, *ends, weight.values, *values)
    yield "</edges>\n</graph>\n</gexf>\n"


def _declared(kind: str, attributes: list[Attribute]) -> str:
    lines = (
        f'<attribute id="{index}" title="{attribute.name}" type="{attribute.type}"/>\n'
        for index, attribute in enumerate(attributes)
    )
    return f'<attributes class="{kind}" mode="static">\n{"".join(lines)}</attributes>\n'


def _values(attributes: list[Attribute]) -> str:
    values = (
        f'<attvalue for="{index}" value="{attribute.form}"/>'
        for index, attribute in enumerate(attributes)
    )
    return f"<attvalues>{''.join(values)}</attvalues>"


def _colours(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Colour [n, 3], 0 … 255, of each label [n]."""
    n_labels = int(labels.max(initial=-1)) + 1
    hues = [colorsys.hsv_to_rgb(label * _GOLDEN % 1.0, 0.65, 0.85) for label in range(n_labels)]
    palette = np.array([*np.round(np.multiply(hues, 255)), _GREY], dtype=np.int64)
    return np.take(palette, labels, axis=0)  # −1 is the last entry, grey


def _places(
    graph: NetGraph, labels: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of the units, y upwards as in Gephi [U]."""
    widths = np.array([layer.n_units for layer in graph.layers], dtype=np.int64)
    height = _SPACING * float(widths.max(initial=1))
    step = _ASPECT * height / max(widths.size - 1, 1)
    order = np.lexsort((labels, graph.layer_of))
    within = np.arange(graph.n_units) - np.repeat(np.cumsum(widths) - widths, widths)
    y = np.empty(graph.n_units)
    y[order] = height * (0.5 - (within + 0.5) / np.repeat(widths, widths))
    return step * graph.layer_of.astype(np.float64), y
