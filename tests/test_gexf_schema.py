"""GEXF that we write keeps the rules of GEXF 1.3: elements, their order, attributes and types.

The rules are those of the published XML schema. Its visualisation elements stand in no namespace of
their own there; the primer, Gephi and networkx have them in ``http://gexf.net/1.3/viz``, as here.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from netsculpt import NetGraph, Partition, export, from_matrices, planted

GEXF, VIZ, XSI = (
    "{http://gexf.net/1.3}",
    "{http://gexf.net/1.3/viz}",
    "{http://www.w3.org/2001/XMLSchema-instance}",
)
Rule = Callable[[str], object]


def one_of(*values: str) -> Rule:
    return lambda text: text in values


def whole(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+", text) is not None


def double(text: str) -> bool:
    """A number as the schema writes doubles: INF instead of inf."""
    return re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is not None


def java_double(text: str) -> bool:
    """A value of an attribute, which programs in Java read."""
    return double(text) or text in ("NaN", "Infinity", "-Infinity")


def channel(text: str) -> bool:
    return text.isdecimal() and int(text) <= 255


def anything(text: str) -> bool:
    return True


@dataclass(frozen=True)
class Element:
    """What an element may have; children as a pattern of their names."""

    children: str = ""
    needed: Mapping[str, Rule] = field(default_factory=dict)
    optional: Mapping[str, Rule] = field(default_factory=dict)


MODES = one_of("static", "dynamic")
EDGE_TYPES = one_of("directed", "undirected", "mutual")
TYPES: dict[str, Rule] = {
    "string": anything,
    "long": lambda text: whole(text) and -(2**63) <= int(text) < 2**63,
    "double": java_double,
    "boolean": one_of("true", "false"),
}
SCHEMA = {
    f"{GEXF}gexf": Element(
        "(meta )?graph ",
        {"version": one_of("1.3")},
        {f"{XSI}schemaLocation": anything, "variant": anything},
    ),
    f"{GEXF}meta": Element(
        "((creator|keywords|description) )*", {}, {"lastmodifieddate": anything}
    ),
    f"{GEXF}creator": Element(),
    f"{GEXF}graph": Element(
        "(attributes )*nodes edges ",
        {},
        {"mode": MODES, "defaultedgetype": EDGE_TYPES, "idtype": one_of("integer", "string")},
    ),
    f"{GEXF}attributes": Element(
        "(attribute )*", {"class": one_of("node", "edge")}, {"mode": MODES}
    ),
    f"{GEXF}attribute": Element("", {"id": anything, "title": anything, "type": one_of(*TYPES)}),
    f"{GEXF}nodes": Element("(node )*", {}, {"count": whole}),
    f"{GEXF}edges": Element("(edge )*", {}, {"count": whole}),
    f"{GEXF}node": Element(
        "((attvalues|viz:color|viz:position|viz:size) )*", {"id": anything}, {"label": anything}
    ),
    f"{GEXF}edge": Element(
        "((attvalues|viz:color|viz:thickness) )*",
        {"source": anything, "target": anything},
        {"id": anything, "weight": double, "type": EDGE_TYPES, "label": anything},
    ),
    f"{GEXF}attvalues": Element("(attvalue )*"),
    f"{GEXF}attvalue": Element("", {"for": anything, "value": anything}),
    f"{VIZ}color": Element("", {}, {"r": channel, "g": channel, "b": channel}),
    f"{VIZ}position": Element("", {"x": double, "y": double}, {"z": double}),
}


def faults(root: ET.Element) -> list[str]:
    """What is against the rules."""
    found = [] if root.tag == f"{GEXF}gexf" else [f"the root is {root.tag}"]
    for element in root.iter():
        rule = SCHEMA.get(element.tag)
        if rule is None:
            found.append(f"{element.tag} is not known")
            continue
        names = (x.tag.replace(GEXF, "").replace(VIZ, "viz:") for x in element)
        inside = "".join(f"{name} " for name in names)
        if re.fullmatch(rule.children, inside) is None:
            found.append(f"{element.tag} has {inside[:80]}")
        found += [f"{element.tag} lacks {x}" for x in rule.needed if x not in element.attrib]
        known = {**rule.needed, **rule.optional}
        found += [
            f"{element.tag} has {name}={value!r}"
            for name, value in element.attrib.items()
            if name not in known or not known[name](value)
        ]
    return found + _dangling(root)


def _dangling(root: ET.Element) -> list[str]:
    """Values of attributes that are not declared, or of another type; ends without a node."""
    found = []
    for kind in ("node", "edge"):
        declared = {
            attribute.get("id"): TYPES.get(attribute.get("type", ""), anything)
            for group in root.iter(f"{GEXF}attributes")
            if group.get("class") == kind
            for attribute in group
        }
        for element in root.iter(f"{GEXF}{kind}"):
            values = [(x.get("for"), x.get("value", "")) for x in element.iter(f"{GEXF}attvalue")]
            if len({name for name, _ in values}) < len(values):
                found.append(f"{kind} has a value twice")
            found += [
                f"{kind} has {name}={value!r}"
                for name, value in values
                if name not in declared or not declared[name](value)
            ]
    nodes = [node.get("id") for node in root.iter(f"{GEXF}node")]
    if len(set(nodes)) < len(nodes):
        found.append("two nodes have one id")
    ends = {x.get(end) for x in root.iter(f"{GEXF}edge") for end in ("source", "target")}
    return found + [f"no node {end}" for end in sorted(ends - set(nodes), key=str)]


def odd() -> NetGraph:
    """Names that XML escapes, extreme weights, stored zeros."""
    weights = np.array([[1e-308, 0.0], [-1.7e308, 5e-324]])
    return from_matrices(
        [weights, np.ones((1, 2))], [np.ones((2, 2)), np.ones((1, 2))], names=["<a&b>", " ' ", '"']
    )


def many() -> tuple[NetGraph, Partition]:
    return planted([6, 8, 4], 2, 0.7, 0.1, rng=0)


@pytest.mark.parametrize("with_modules", [False, True])
def test_gexf_keeps_the_schema(tmp_path: Path, with_modules: bool) -> None:
    graph, partition = many()
    columns = {
        "whole": np.arange(18),
        "large": np.full(18, 2**62),
        "share": np.linspace(-1, 1, 18),
        "open": np.array([np.nan, np.inf, -np.inf] * 6),
        "is live": np.arange(18) % 2 == 0,
        "text <&>": np.array(["a", "b", "<>"] * 6),
    }
    path = tmp_path / "graph.gexf"
    export(graph, path, partition=partition if with_modules else None, columns=columns)
    assert faults(ET.parse(path).getroot()) == []


@pytest.mark.parametrize(
    "graph", [odd(), NetGraph(csr_array((0, 0)), None, (), ())], ids=["odd", "empty"]
)
def test_odd_graphs_keep_the_schema(graph: NetGraph, tmp_path: Path) -> None:
    export(graph, tmp_path / "graph.gexf")
    root = ET.parse(tmp_path / "graph.gexf").getroot()
    assert faults(root) == []
    stored = [float(edge.get("weight", "")) for edge in root.iter(f"{GEXF}edge")]
    assert stored == graph.weights.data.tolist()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('version="1.3"', 'version="1.2"', "version='1.2'"),
        ('type="long"', 'type="int"', "type='int'"),
        (' r="', ' r="9', "r='9"),
        (' x="', ' x="left', "x='left"),
        ('<attribute id="2"', '<attribute id="9"', "node has 2="),
        ('source="0"', 'source="99"', "no node 99"),
        ('<node id="1"', '<node id="0"', "two nodes have one id"),
        ("viz:position", "viz:place", "is not known"),
        (' weight="', ' weight="heavy', "weight='heavy"),
        ('class="edge"', 'class="edges"', "class='edges'"),
    ],
)
def test_the_rules_find_faults(tmp_path: Path, old: str, new: str, fault: str) -> None:
    graph, partition = many()
    export(graph, tmp_path / "graph.gexf", partition=partition)
    text = (tmp_path / "graph.gexf").read_text()
    assert old in text
    assert any(fault in found for found in faults(ET.fromstring(text.replace(old, new))))
