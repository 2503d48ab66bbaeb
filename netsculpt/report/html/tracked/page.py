"""The page of a network over time: a slider through its steps, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from netsculpt.core.counting import counted
from netsculpt.core.version import __version__
from netsculpt.report.html.definitions import definitions, term
from netsculpt.report.html.drawn import drawn
from netsculpt.report.html.figures import figure_gallery
from netsculpt.report.html.frame import COMMON, NETWORK, Section, document
from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.network import about_network, network_arrays
from netsculpt.report.html.packing import packed
from netsculpt.report.html.parts import number_text, pairs, table
from netsculpt.report.html.sections import cite
from netsculpt.report.html.tracked.contents import TrackContents
from netsculpt.report.html.tracked.timeline import timeline
from netsculpt.report.html.view import controls, slider

__all__ = ["track_page"]

_SCRIPTS: Final = (*COMMON, *NETWORK, "timeline", "tracked")
_TERMS: Final = (
    *("unit", "edge", "density", "live", "live_shares", "step", "path", "path_share", "degree"),
    *("module", "Q", "delta", "z", "p", "ami_over_time", "null", "seed", "attribute"),
)
_ASKED: Final[Mapping[str, str]] = {
    "run": "run",
    "net": "net",
    "detector": "detector",
    "weights": "form of the weights",
    "n_nulls": term("null", "null networks"),
    "seed": term("seed"),
}


def track_page(contents: TrackContents) -> str:
    """The page as HTML text. Equal contents give equal texts. Cost O(T E log E)."""
    summary, points = contents.summary, contents.summary["points"]
    data, columns = _data(contents)
    parts: list[Section] = [
        ("read", "What was read", _read(summary)),
        ("network", "Network view", joined(slider(), controls())),
        ("steps", "Steps", joined(_steps(points), _layers(summary["layers"]))),
        ("figures", "Figures", figure_gallery(contents.figures)),
        ("units", "Units", element("div", id="unit-table")),
        ("definitions", "Definitions", definitions(_TERMS, columns)),
        ("cite", "How to cite", cite()),
    ]
    first, last = points[0], points[-1]
    lead = (
        f"{counted(len(points), 'step')}, {first['step']:,} to {last['step']:,}: density "
        f"{first['density']:.2%} to {last['density']:.2%}"
    )
    return document("A network over time", lead, parts, _SCRIPTS, data)


def _data(contents: TrackContents) -> tuple[str, list[str]]:
    """The packed networks, and the names of the columns of the units."""
    networks, detector = contents.networks, contents.summary["detector"]
    labels = networks.columns[f"module_{detector}"]
    share = np.nan_to_num(networks.columns["path_share_weighted"]).max(axis=0)
    picture = drawn(networks.graph, _most_often(labels), share.astype(np.float64))
    steps, arrays = timeline(networks, picture)
    columns = [name.removeprefix("step:") for name in arrays if name.startswith("step:")]
    about = about_network(networks.graph, picture, [detector], columns)
    about["over_time"] = columns
    about["steps"] = [
        {**step, "text": _told(point, at, len(steps))}
        for at, (step, point) in enumerate(zip(steps, contents.summary["points"], strict=True), 1)
    ]
    return packed(about, {**network_arrays(networks.graph, picture), **arrays}), columns


def _most_often(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The module [U] that each unit is in at most steps: who keeps together in the drawing."""
    n_modules = int(labels.max(initial=-1)) + 1
    if not n_modules:
        return np.full(labels.shape[1], -1)
    counts = np.stack([(labels == label).sum(axis=0) for label in range(n_modules)])
    return np.where(counts.any(axis=0), counts.argmax(axis=0), -1)


def _told(point: Mapping[str, Any], at: int, n_steps: int) -> str:
    found = counted(point["n_modules"], "module")
    return (
        f"step {point['step']:,} ({at:,} of {n_steps:,}): density {point['density']:.2%}, {found}, "
        f"Q {number_text(point['quality'], 3)}"
    )


def _read(summary: Mapping[str, Any]) -> Markup:
    rows = []
    for key, title in _ASKED.items():
        value = summary.get(key)
        if value is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((title, text))
    return pairs([*rows, ("netsculpt", __version__)])


def _steps(points: Sequence[Mapping[str, Any]]) -> Markup:
    titles = (
        *(term("step"), term("density"), term("live_shares", "live hidden")),
        *(term("live_shares", "live edges"), term("path", "log₁₀ paths")),
        *(term("module", "modules"), term("Q"), term("delta"), term("z"), term("p")),
        *(term("ami_over_time", f"AMI {x}") for x in ("before", "last", "rerun")),
    )
    rows = [
        (
            element("button", f"{x['step']:,}", type="button", class_="link", data_step=at),
            *(_share(x[name]) for name in ("density", "live_hidden", "live_edges")),
            number_text(x["log10_paths"], 2),
            f"{x['n_modules']:,}",
            *(number_text(x[name], 3) for name in ("quality", "delta")),
            number_text(x["z"], 1),
            "–" if x["p"] is None else f"{x['p']:.2g}",
            *(number_text(x[name], 2) for name in ("ami_before", "ami_last", "ami_rerun")),
        )
        for at, x in enumerate(points)
    ]
    return table("Steps", titles, rows, n_texts=1)


def _layers(layers: Sequence[Mapping[str, Any]]) -> Markup:
    titles = (
        *("layer", term("step"), term("unit", "units"), term("live", "live")),
        term("density", "density of what feeds it"),
    )
    rows = [
        (
            str(x["layer"]),
            *(f"{x[name]:,}" for name in ("step", "n_units", "n_live")),
            _share(x["density_in"]),
        )
        for x in layers
    ]
    return table("Layers at every step", titles, rows, n_texts=1, folded=True)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"
