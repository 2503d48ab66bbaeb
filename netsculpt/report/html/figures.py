"""The figures of the folder in the page, each to be saved in the formats that there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.packing import packed_bytes

__all__ = ["figure_gallery"]

_SHOWN = ("svg", "png")  # the first that there is


def figure_gallery(figures: Mapping[str, bytes]) -> Markup:
    """Every figure that a browser can show; the scripts turn packed files into pictures."""
    stems: dict[str, dict[str, bytes]] = {}
    for name, content in figures.items():
        path = PurePath(name)
        stems.setdefault(path.stem, {})[path.suffix[1:]] = content
    shown = {stem: kinds for stem, kinds in stems.items() if not kinds.keys().isdisjoint(_SHOWN)}
    if not shown:
        return element("p", "None were drawn as SVG or PNG: --figures svg,pdf draws them.")
    return joined(*(_figure(stem, kinds) for stem, kinds in shown.items()))


def _figure(stem: str, kinds: Mapping[str, bytes]) -> Markup:
    packed = [
        Markup(f'<script type="text/plain" data-kind="{kind}">{packed_bytes(kinds[kind])}</script>')
        for kind in ("svg", "pdf", "png")
        if kind in kinds and (kind != "png" or "svg" not in kinds)  # else the page makes it
    ]
    title = stem.replace("_", " ")
    return element(
        "figure",
        element("img", alt=f"Figure: {title}"),
        element("figcaption", title, element("span", class_="saves")),
        *packed,
        id=f"figure-{stem}",
        data_name=stem,
    )
