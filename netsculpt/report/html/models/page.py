"""The page of several models: tables of them, and a small picture of every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from netsculpt.core.counting import counted
from netsculpt.report.html.contents import NAME
from netsculpt.report.html.definitions import definitions, term
from netsculpt.report.html.frame import COMMON, Section, document
from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.models.contents import ModelsContents
from netsculpt.report.html.models.panels import panels
from netsculpt.report.html.parts import number_text, p_text, table
from netsculpt.report.html.sections import cite
from netsculpt.report.words import same_beginning

__all__ = ["models_page"]

_TERMS: Final = (
    *("unit", "edge", "parameters", "density", "live", "live_shares", "path", "module", "Q"),
    *("delta", "z", "p", "holm", "stability", "ami", "verdict", "level", "flow_hierarchy"),
    *("trophic", "failed"),
)
_COUNT: Final = "_n_modules"  # ends the names of columns that each detector has
_OF_NETWORK: Final = ("density", "live_units", "live_edges", "log10_paths")
_OF_MODULES: Final = ("quality", "delta", "z", "stability")
_TITLES: Final = {"log10_paths": "log₁₀ paths", "quality": "Q", "delta": "ΔQ"}


def models_page(contents: ModelsContents) -> str:
    """The page as HTML text. Equal contents give equal texts."""
    done = [row for row in contents.rows if row["error"] is None]
    failed = [row for row in contents.rows if row["error"] is not None]
    keys = [name.removesuffix(_COUNT) for name in _names(done) if name.endswith(_COUNT)]
    names = _Names(same_beginning([str(row["model"]) for row in contents.rows]), contents.pages)
    parts: list[Section] = []
    if done:
        networks = _networks(done, names)
        parts.append(("models", "Models", joined(networks, _failed(failed, names))))
        modules = joined(*(_modules(key, done, names) for key in keys))
        parts.append(("modules", "Modules", modules))
    else:
        parts.append(
            ("models", "Models", _failed(failed, names) or element("p", "There are none."))
        )
    if len(done) > 1:
        shown = [(_title(name), name) for name in _OF_NETWORK]
        shown += [(f"{_title(x)}, {key}", f"{key}_{x}") for key in keys for x in _OF_MODULES]
        parts.append(
            ("numbers", "Numbers", panels(done, [names.short(row) for row in done], shown))
        )
    parts += [("definitions", "Definitions", definitions(_TERMS)), ("cite", "How to cite", cite())]
    lead = f"{counted(len(done), 'model')} analysed"
    if failed:
        lead += f", {len(failed):,} not"
    if names.begin:
        lead += f". All names begin with {names.begin}"
    return document("Models", lead, parts, (*COMMON, "tables"))


def _names(rows: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    return dict.fromkeys(name for row in rows for name in row)


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class _Names:
    """How models are named: without what all names begin with, as links to pages of theirs."""

    begin: str
    pages: frozenset[str]

    def short(self, row: Mapping[str, Any]) -> str:
        return str(row["model"]).removeprefix(self.begin)

    def linked(self, row: Mapping[str, Any], key: str | None = None) -> Markup:
        """The name; `key` is the identifier that links lead to."""
        name = str(row["model"])
        if name not in self.pages:
            return element("span", self.short(row), id=key)
        return element("a", self.short(row), href=f"{quote(name, safe='')}/{NAME}", id=key)


def _networks(rows: Sequence[Mapping[str, Any]], names: _Names) -> Markup:
    titles = (
        *("model", "file", term("unit", "units"), term("edge", "edges"), term("parameters")),
        *(term("density"), term("live_shares", "live units"), term("live_shares", "live edges")),
        *(term("path", "log₁₀ paths"), term("path", "log₁₀ path weight")),
    )
    body = [
        (
            names.linked(row, f"model-{at}"),
            str(row["file"]),
            *(f"{row[name]:,}" for name in ("n_units", "n_edges", "n_parameters")),
            *(_share(row[name]) for name in ("density", "live_units", "live_edges")),
            *(number_text(row[name], 2) for name in ("log10_paths", "log10_path_weight")),
        )
        for at, row in enumerate(rows)
    ]
    return table("Networks", titles, body, n_texts=2, folded=False)


def _modules(key: str, rows: Sequence[Mapping[str, Any]], names: _Names) -> Markup:
    titles = (
        *("model", term("verdict"), term("module", "modules"), term("Q"), term("delta")),
        *(term("z"), term("p"), term("holm"), term("stability"), term("ami", "AMI layers")),
        *(term("level", "levels"), term("flow_hierarchy"), term("trophic")),
    )
    body = []
    for row in rows:
        mine = {name.removeprefix(f"{key}_"): x for name, x in row.items() if name != key}
        if f"{key}{_COUNT}" not in row:
            continue
        body.append(
            (
                names.linked(row),
                str(mine["verdict"]),
                f"{mine['n_modules']:,}",
                *(number_text(mine[name], 3) for name in ("quality", "delta")),
                number_text(mine["z"], 1),
                *(p_text(mine[name], is_bound=False) for name in ("p", "adjusted_p")),
                *(number_text(mine[name], 2) for name in ("stability", "layer_ami")),
                "–" if mine["n_levels"] is None else f"{mine['n_levels']:,}",
                *(number_text(mine[x], 2) for x in ("flow_hierarchy", "trophic_incoherence")),
            )
        )
    return table(f"Modules of {key}", titles, body, n_texts=2, folded=False)


def _failed(rows: Sequence[Mapping[str, Any]], names: _Names) -> Markup | None:
    if not rows:
        return None
    body = [(names.short(row), str(row["file"]), str(row["error"])) for row in rows]
    titles = ("model", "file", term("failed", "why it was not analysed"))
    return table("Not analysed", titles, body, n_texts=3, folded=False)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"
