"""What each number of the page means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from netsculpt.core.catalog import catalog
from netsculpt.pipeline import WEIGHTED
from netsculpt.report.html.markup import Markup, element

__all__ = ["TERMS", "definitions", "metric_definition", "term"]

TERMS: Final[Mapping[str, tuple[str, str]]] = {  # identifier → heading, text
    "unit": ("unit", "A neuron, a channel or an element of a layer: a node of the graph."),
    "edge": (
        "edge",
        "A stored connection between two units: one kept entry of a mask. Its weight may be 0.",
    ),
    "density": (
        "density",
        "Kept weights divided by all weights before pruning, 0 to 1. Shared weights count once, "
        "identity connections are not weights.",
    ),
    "live": ("live, dead", "A unit is live if it is on a path from an input to an output."),
    "path": (
        "paths, path weight",
        "A path leads from an input to an output along edges. Its weight is the product of the "
        "|weights| on it; the total weight sums over all paths.",
    ),
    "core": (
        "path core, hourglass",
        "The fewest units, chosen greedily, such that 90 % of the paths pass through one of them. "
        "A flat network has the same paths without anything between inputs and outputs; the "
        "hourglass score is 1 minus the ratio of the two sizes: near 1, few units carry most "
        "paths.",
    ),
    "path_share": (
        "path share",
        "Of a unit or a module: the share of the input→output path weight that passes through it.",
    ),
    "module": (
        "module",
        "A set of units that are connected to each other more than to the rest.",
    ),
    "Q": (
        "Q",
        "Layer-aware modularity of a partition: the share of edge weight inside modules minus what "
        "the degrees in each pair of layers lead one to expect.",
    ),
    "delta": ("ΔQ", "Q minus its mean over the null networks: the size of the effect."),
    "z": (
        "z",
        "ΔQ in standard deviations over the null networks. None if they do not vary.",
    ),
    "p": (
        "p",
        "How often a null network has at least this Q; ≤ where more null networks could give less. "
        "For detectors that weigh evidence, the most that the evidence leaves to chance.",
    ),
    "holm": (
        "Holm's p",
        "p after correction for all tests of this network: the chance of any false one stays at "
        "the level chosen.",
    ),
    "stability": (
        "stability",
        "Mean adjusted mutual information of runs over seeds with each other or with these "
        "modules, whichever is less; 1 = always the same.",
    ),
    "ami": (
        "AMI with the layers",
        "Adjusted mutual information of modules and layers: near 0, modules cross the layers; 1, "
        "they are the layers.",
    ),
    "level": (
        "level",
        "Length of the longest chain of modules that feeds a module; 0 = fed by no other.",
    ),
    "reuse": ("reuse", "How many modules or outputs without a module a module feeds."),
    "inputs_seen": ("sees, serves", "Inputs with a path into a module; outputs that it reaches."),
    "degree": ("edges in, out", "How many edges lead into a unit, and out of it."),
    "fidelity": (
        "fidelity",
        "How well the graph accounts for what the net computes: checked on random inputs.",
    ),
    "confidence": (
        "confidence",
        "Share of the runs over seeds that agree on the module of a unit.",
    ),
}

_NOTATION: Final = re.compile(  # shapes such as [U], formulas and costs are for users of the API
    r" ?\[[A-Z](?:, ?[A-Z])*\]|,? ``[^`]*``|, signs included| O\([^)]*\)\.?"
)


def term(name: str, text: str | None = None) -> Markup:
    """A link from a number or a word to its definition."""
    return element("a", text or TERMS[name][0], href=f"#def-{name}", class_="term")


def metric_definition(column: str) -> str:
    """What a column of the table of units holds: the first lines of the metric's docstring."""
    metrics = catalog("metrics")
    name = column if column in metrics else column.removesuffix(WEIGHTED)
    if name not in metrics:
        return ""
    text = inspect.getdoc(metrics[name]) or ""
    first = " ".join(text.split("\n\n", 1)[0].split())
    plain = _NOTATION.sub("", first).replace("`", "").strip()
    if name != column:
        return f"{plain} Edges count by their |weight|."
    of_weights = not plain.startswith("Number of edges")
    return f"{plain} Every edge counts as 1." if of_weights else plain


def definitions(columns: Iterable[str]) -> Markup:
    """The list of all definitions, those of metrics last."""
    entries = [(f"def-{key}", heading, text) for key, (heading, text) in TERMS.items()]
    entries += [
        (f"def-column-{name}", name, text) for name in columns if (text := metric_definition(name))
    ]
    rows: list[Any] = []
    for key, heading, text in entries:
        rows += [element("dt", heading, id=key, tabindex=-1), element("dd", text)]
    return element("dl", *rows, class_="definitions")
