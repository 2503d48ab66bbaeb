"""What each number of the page means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, Final

from netsculpt.core.catalog import catalog
from netsculpt.pipeline import WEIGHTED
from netsculpt.report.html.features import feature_definition
from netsculpt.report.html.markup import Markup, element
from netsculpt.report.html.terms import TERMS

__all__ = ["definitions", "feature", "meaning", "metric_definition", "term"]

_COLUMNS: Final = {  # how names of columns of the table of units begin → what they are
    "live": "live",
    "module_": "module",
    "hierarchy_": "merged",
    "consensus_": "consensus",
    "confidence_": "confidence",
}

_NOTATION: Final = re.compile(  # shapes such as [U], formulas and costs are for users of the API
    r" ?\[[A-Z](?:, ?[A-Z])*\]|,? ``[^`]*``|, signs included| O\([^)]*\)\.?"
)
_NOT_PLAIN: Final = re.compile(r"[^a-z0-9_]+")  # in an identifier


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


def meaning(column: str) -> tuple[str, str]:
    """Where the page says what a column of the table of units is, and the words.

    >>> meaning("live")[0], meaning("in_degree")[0], meaning("module_layered")[0]
    ('def-live', 'def-column-in_degree', 'def-module')
    """
    text = metric_definition(column)
    if text:
        return f"def-column-{column}", text
    name = next((name for start, name in _COLUMNS.items() if column.startswith(start)), "attribute")
    return f"def-{name}", TERMS[name][1]


def feature(name: str) -> Markup | str:
    """The name of a feature of networks, a link to its definition if there is one."""
    found = feature_definition(name)
    if found is None:
        return name
    return element("a", name, href=f"#{_of_feature(found[0])}", class_="term")


def _of_feature(heading: str) -> str:
    return f"def-feature-{_NOT_PLAIN.sub('-', heading)}"


def definitions(
    names: Iterable[str], columns: Iterable[str] = (), features: Iterable[str] = ()
) -> Markup:
    """The list of some definitions, those of columns that are metrics and of features last."""
    entries = [(f"def-{name}", *TERMS[name]) for name in names]
    entries += [
        (f"def-column-{name}", name, text) for name in columns if (text := metric_definition(name))
    ]
    known = dict(found for name in features if (found := feature_definition(name)))
    entries += [(_of_feature(heading), heading, text) for heading, text in known.items()]
    rows: list[Any] = []
    for key, heading, text in entries:
        rows += [element("dt", heading, id=key, tabindex=-1), element("dd", text)]
    return element("dl", *rows, class_="definitions")
