"""The page: one file with all that it needs, which no text from a model can change."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.plots.layouts.stages import stages
from netsculpt.plots.style import MODULE_PALETTE
from netsculpt.report.headline import headline, kernels
from netsculpt.report.html.contents import Contents
from netsculpt.report.html.definitions import definitions, metric_definition
from netsculpt.report.html.drawn import drawn
from netsculpt.report.html.figures import figure_gallery
from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.packing import packed
from netsculpt.report.html.sections import cite, sections
from netsculpt.report.html.view import controls

__all__ = ["page"]

_SCRIPTS: Final = (  # in assets; they share one scope
    *("unpack", "model", "raster", "camera", "colours", "names", "view", "pointing", "card"),
    *("table", "figures", "main"),
)
_NO_SCRIPT: Final = "The network view and the table of units need JavaScript."
_MOST_CELLS: Final = 4_000_000  # of the table of units
_FIRST: Final = ("module_", "path_share", "in_degree", "out_degree", "confidence_", "live")


def page(contents: Contents) -> str:
    """The report as HTML text. Equal contents give equal texts. Cost O(E log E).

    A content security policy forbids every connection, and every script and style but those of this
    file. Names reach the page as escaped text or inside packed data.
    """
    style, script = _asset("page.css"), "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    wrapped = f'"use strict";\n(() => {{\n{script}\n}})();\n'
    policy = (
        f"default-src 'none'; script-src '{_digest(wrapped)}'; style-src '{_digest(style)}'; "
        "img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    model = PurePath(str(contents.arguments.get("model") or "network")).name
    data, columns = _data(contents)
    body = [*sections(contents)]
    parts: list[tuple[str, str, Markup]] = [
        *body[:2],
        ("network", "Network view", controls()),
        *body[2:],
        ("figures", "Figures", figure_gallery(contents.figures)),
        ("units", "Units", element("div", id="unit-table")),
        ("definitions", "Definitions", definitions(columns)),
        ("cite", "How to cite", cite()),
    ]
    head = joined(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{model} – netsculpt report"),
        Markup(f"<style>{style}</style>"),
    )
    links = [element("a", title, href=f"#{key}") for key, title, _ in parts]
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
    content = joined(
        element("a", "Skip to the report", href="#read", class_="skip"),
        element(
            "header",
            element("h1", model),
            element("p", lead),
            element("nav", *links, aria_label="Sections"),
            element("button", "Dark or light", id="theme", type="button"),
        ),
        element("noscript", element("p", _NO_SCRIPT)),
        element("main", *(_section(*part) for part in parts)),
        Markup(f'<script type="text/plain" id="data">{data}</script>'),
        Markup(f"<script>{wrapped}</script>"),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{content}</body></html>\n'


def _section(key: str, title: str, content: Markup) -> Markup:
    heading = element("h2", title, id=f"h-{key}")
    return element("section", heading, content, id=key, aria_labelledby=f"h-{key}")


def _data(contents: Contents) -> tuple[str, list[str]]:
    """The packed network and table of units, and the names of the columns."""
    graph, units = contents.graph, contents.units
    keys = list(contents.summary["modules"])
    labels = _column(units, f"module_{keys[0]}") if keys else np.full(graph.n_units, -1.0)
    picture = drawn(graph, labels.astype(np.int64), _share(contents))
    columns = _shipped(contents)
    assert graph.positions is not None  # filled in by the constructor
    arrays: dict[str, NDArray[Any]] = {
        "unit": picture.unit,
        **{name: getattr(picture, name) for name in ("x", "y", "diameter", "out_degree", "target")},
        **{name: getattr(picture, name) for name in ("weight", "strength", "wiring")},
        "position": graph.positions,
        **{f"column:{name}": _column(units, name) for name in columns},
    }
    texts: dict[str, list[str]] = {}
    for name, values in graph.attributes.items():
        if values.dtype.kind == "U":
            texts[name], codes = _coded(values)
            arrays[f"text:{name}"] = codes
        else:
            arrays[f"column:{name}"] = np.asarray(values)
    about = {
        "layers": [[x.name, x.role, x.start, x.stop] for x in graph.layers],
        "columns": [[name, at] for name, at in picture.columns],
        "stages": [
            [stage.name, stage.first, stage.stop, list(stage.inner)]
            for stage in stages([name for name, _ in picture.columns])
        ],
        "world": {"width": picture.width, "height": picture.height},
        "totals": dict(picture.totals),
        "keys": keys,
        "verdicts": {key: x["verdict"] for key, x in contents.summary["modules"].items()},
        "texts": texts,
        "palette": list(MODULE_PALETTE),
        "told": {name: metric_definition(name) for name in columns if metric_definition(name)},
        "left_out": [name for name in units.columns if name not in columns],
    }
    return packed(about, arrays), [name for name in columns if metric_definition(name)]


def _coded(values: NDArray[np.str_]) -> tuple[list[str], NDArray[np.int64]]:
    names, codes = np.unique(values, return_inverse=True)
    return [str(name) for name in names], codes.astype(np.int64)


def _shipped(contents: Contents) -> list[str]:
    """Columns of the table of units, the most asked for first, as many as a browser can take."""
    names = list(contents.units.columns)
    names.sort(key=lambda name: next((i for i, x in enumerate(_FIRST) if name.startswith(x)), 99))
    return names[: max(_MOST_CELLS // max(len(contents.units), 1), 1)]


def _column(units: Any, name: str) -> NDArray[Any]:
    values: NDArray[Any] = units[name].to_numpy()
    return values


def _share(contents: Contents) -> NDArray[np.float64]:
    for name in ("path_share_weighted", "path_share"):
        if name in contents.units:
            return _column(contents.units, name).astype(np.float64)
    return np.zeros(contents.graph.n_units)


def _asset(name: str) -> str:
    return files("netsculpt.report.html").joinpath("assets", name).read_text("utf-8")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
