"""The figures of the folder in the page, each to be saved in the formats that there are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.packing import packed_bytes

__all__ = ["figure_gallery"]

_SHOWN: Final = ("svg", "png")  # the first that there is
_MOST_BYTES: Final = 5_000_000  # of all pictures, and of all PDF files
_MOST_PLAIN: Final = 2_000_000  # of pictures that stand in the page as they are, not packed
_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}
_NO_SCRIPT: Final = "Figures of this size need JavaScript; they are files in the folder figures."


def figure_gallery(figures: Mapping[str, bytes]) -> Markup:
    """Every figure that a browser can show, without scripts if all pictures take less than 2 MB.

    Else they are packed, and the scripts turn them into pictures. Of pictures beyond 5 MB in all,
    the largest are named only; PDF files beyond that are left out.
    """
    stems: dict[str, dict[str, str]] = {}
    for name, content in figures.items():
        path = PurePath(name)
        stems.setdefault(path.stem, {})[path.suffix[1:]] = packed_bytes(content)
    shown: dict[str, dict[str, str]] = {}
    for stem, kinds in stems.items():
        kind = next((kind for kind in _SHOWN if kind in kinds), None)
        if kind is not None:
            shown[stem] = {kind: kinds[kind]}  # the page makes PNG from SVG
    if not shown:
        return element("p", "None were drawn as SVG or PNG: --figures svg,pdf draws them.")
    left_out = []
    while sum(map(_size, shown.values())) > _MOST_BYTES:
        largest = max(shown, key=lambda stem: _size(shown[stem]))
        left_out.append(largest)
        del shown[largest]
    pdfs = {stem: stems[stem]["pdf"] for stem in shown if "pdf" in stems[stem]}
    if sum(map(len, pdfs.values())) <= _MOST_BYTES:
        for stem, pdf in pdfs.items():
            shown[stem]["pdf"] = pdf
    named = ", ".join(sorted(left_out))
    plain = {
        stem: _plain(kind, figures[f"{stem}.{kind}"])
        for stem, kinds in shown.items()
        for kind in _SHOWN
        if kind in kinds
    }
    if sum(map(len, plain.values())) > _MOST_PLAIN:
        plain = {}
    return joined(
        None if plain else element("noscript", element("p", _NO_SCRIPT)),
        element("p", f"Too large for this page, in the folder figures: {named}.")
        if named
        else None,
        *(_figure(stem, kinds, plain.get(stem)) for stem, kinds in shown.items()),
    )


def _size(kinds: Mapping[str, str]) -> int:
    return sum(map(len, kinds.values()))


def _plain(kind: str, content: bytes) -> str:
    return f"data:{_TYPES[kind]};base64,{base64.b64encode(content).decode()}"


def _figure(stem: str, kinds: Mapping[str, str], plain: str | None) -> Markup:
    """A picture; packed are those of its files that it does not show as they are."""
    seen = None if plain is None else next(kind for kind in _SHOWN if kind in kinds)
    packed = [
        Markup(f'<script type="text/plain" data-kind="{kind}">{text}</script>')
        for kind, text in kinds.items()
        if kind != seen
    ]
    title = stem.replace("_", " ")
    return element(
        "figure",
        element("img", alt=f"Figure: {title}", src=plain, data_kind=seen),
        element("figcaption", title, element("span", class_="saves")),
        *packed,
        id=f"figure-{stem}",
        data_name=stem,
    )
