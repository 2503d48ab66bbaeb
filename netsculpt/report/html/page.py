"""The page of an analysis."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.report.headline import headline, kernels
from netsculpt.report.html.bundles import bundle_arrays, bundles
from netsculpt.report.html.contents import Contents
from netsculpt.report.html.definitions import definitions
from netsculpt.report.html.drawn import MOST_EDGES, drawn
from netsculpt.report.html.figures import figure_gallery
from netsculpt.report.html.frame import COMMON, NETWORK, Section, document
from netsculpt.report.html.markup import element
from netsculpt.report.html.network import about_network, network_arrays, shipped
from netsculpt.report.html.packing import packed
from netsculpt.report.html.sections import cite, sections
from netsculpt.report.html.terms import TERMS
from netsculpt.report.html.view import controls

__all__ = ["page"]

_SCRIPTS: Final = (*COMMON, *NETWORK, "main")
_OTHERS: Final = (  # on other pages
    *("step", "live_shares", "ami_over_time", "failed", "parameters"),
    *("feature", "energy", "group_p", "divisions", "hedges", "step_down"),
)
_STRONGEST: Final = 200_000  # edges drawn over bundles of all
_TERMS: Final = [name for name in TERMS if name not in _OTHERS]


def page(contents: Contents) -> str:
    """The report as HTML text. Equal contents give equal texts. Cost O(E log E)."""
    model = PurePath(str(contents.arguments.get("model") or "network")).name
    data, columns = _data(contents)
    body = [*sections(contents)]
    parts: list[Section] = [
        *body[:2],
        ("network", "Network view", controls()),
        *body[2:],
        ("figures", "Figures", figure_gallery(contents.figures)),
        ("units", "Units", element("div", id="unit-table")),
        ("definitions", "Definitions", definitions(_TERMS, columns)),
        ("cite", "How to cite", cite()),
    ]
    live = contents.summary["effective"]
    size = headline(
        *(live[name] for name in ("n_units", "n_effective_units", "n_edges", "n_effective_edges"))
    )
    lead = "; ".join(
        [
            f"{size}, density {contents.summary['graph']['density']:.2%}",
            *kernels(contents.graph),
        ]
    )
    return document(model, lead, parts, _SCRIPTS, data)


def _data(contents: Contents) -> tuple[str, list[str]]:
    """The packed network and table of units, and the names of the columns."""
    graph, units = contents.graph, contents.units
    keys = list(contents.summary["modules"])
    labels = units[f"module_{keys[0]}"] if keys else np.full(graph.n_units, -1.0)
    labels = labels.astype(np.int64)
    live = int(contents.summary["effective"]["n_effective_edges"])
    many = live > MOST_EDGES
    picture = drawn(graph, labels, _share(contents), most_edges=_STRONGEST if many else MOST_EDGES)
    columns = shipped(list(units), graph.n_units)
    about = about_network(graph, picture, keys, columns)
    about["left_out"] = [name for name in units if name not in columns]
    arrays = network_arrays(graph, picture)
    arrays |= {name: getattr(picture, name) for name in ("weight", "strength")}
    if many:
        found = bundles(graph, picture, labels)
        arrays |= bundle_arrays(found, picture.boxes)
        about["totals"] |= {"bundles": found.n_bundles, "drawn_bundles": found.source.size}
    arrays |= {f"column:{name}": units[name] for name in columns}
    return packed(about, arrays), columns


def _share(contents: Contents) -> NDArray[np.float64]:
    for name in ("path_share_weighted", "path_share"):
        if name in contents.units:
            return contents.units[name].astype(np.float64)
    return np.zeros(contents.graph.n_units)
