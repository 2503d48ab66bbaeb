"""The sections on modules and their hierarchy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from netsculpt.core.counting import counted
from netsculpt.core.forms import FORMS
from netsculpt.report.html.definitions import term
from netsculpt.report.html.hierarchy import hierarchy_drawing
from netsculpt.report.html.markup import Markup, element, joined
from netsculpt.report.html.parts import number_text, p_text, table

__all__ = ["hierarchy_section", "modules_section"]

_MOST_SIZES: Final = 15


def modules_section(summary: Mapping[str, Any]) -> Markup:
    """What each detector found, and what it is worth."""
    titles = (
        *("detector", "weights", term("verdict")),
        term("module", "modules"),
        *(term(name) for name in ("Q", "delta", "z", "p", "holm", "stability")),
        term("ami", "AMI layers"),
    )
    rows = []
    for each in summary["modules"].values():
        test = each["significance"] or {}
        row = (
            *(each["detector"], each["weights"], each["verdict"]),
            f"{each['n_modules']:,}",
            *(number_text(each[name], 3) for name in ("quality", "delta")),
            number_text(test.get("z"), 1),
            p_text(each["p"], is_bound=test.get("is_bound", True)),
            p_text(each["adjusted_p"], is_bound=test.get("is_bound", True)),
            *(number_text(each[name], 2) for name in ("stability", "layer_ami")),
        )
        rows.append(row)
    told = [
        element("li", element("strong", key), ": ", _told(each))
        for key, each in summary["modules"].items()
    ]
    several = summary["multiple_testing"]["statement"]
    return joined(
        element("ul", *told),
        table("Verdicts", titles, rows, n_texts=3),
        element("p", several) if several else None,
        _agreement(summary["agreement"]),
    )


def _told(each: Mapping[str, Any]) -> str:
    sizes = sorted(each["sizes"], reverse=True)
    listed = ", ".join(f"{size:,}" for size in sizes[:_MOST_SIZES])
    more = ", …" if len(sizes) > _MOST_SIZES else ""
    found = f"{counted(each['n_modules'], 'module')} of {listed}{more} units"
    form = FORMS.get(each["weights"], each["weights"])
    return f"{each['statement']}. {found}, found on {form}.{_repeats(each)}"


def _repeats(each: Mapping[str, Any]) -> str:
    """How many null networks and runs the numbers are of; folders of before do not say."""
    test, n_runs = each["significance"], each.get("n_runs", 0)
    said = [f"chance is {counted(test['n'], 'null network')}"] if test else []
    said += [f"stability is of {n_runs:,} runs"] if each["stability"] is not None and n_runs else []
    text = ", ".join(said)
    return f" {text[:1].upper()}{text[1:]}." if text else ""


def _agreement(agreement: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not agreement:
        return None
    rows = [
        (" – ".join(x["keys"]), number_text(x.get("ari"), 2), number_text(x.get("ami"), 2))
        for x in agreement
    ]
    titles = ("modules of", term("agreement", "ARI"), term("agreement", "AMI"))
    return table("Agreement between detectors", titles, rows, n_texts=1)


def hierarchy_section(key: str, each: Mapping[str, Any]) -> Markup:
    """The hierarchy that one detector's modules form."""
    hierarchy = each["hierarchy"]
    said = hierarchy["statements"] or ["There is no second module, so there is no hierarchy."]
    return joined(
        element("h3", key),
        *(element("p", text) for text in said),
        hierarchy_drawing(key, hierarchy, each["verdict"]),
        _module_table(key, hierarchy["modules"]),
        _link_table(key, hierarchy["links"]),
    )


def _module_table(key: str, modules: Sequence[Mapping[str, Any]]) -> Markup | None:
    if len(modules) < 2:
        return None
    titles = (
        *("module", term("unit", "units"), term("level"), term("reuse")),
        *(term("inputs_seen", "inputs seen"), term("inputs_seen", "outputs served")),
        term("path_share"),
    )
    rows = [
        (
            "+".join(map(str, x["members"] or [x["label"]])),
            *(f"{x[name]:,}" for name in ("n_units", "level", "reuse")),
            *(f"{len(x[name]):,}" for name in ("inputs_seen", "outputs_served")),
            f"{x['path_share']:.1%}",
        )
        for x in modules
    ]
    return table(f"Modules of {key}", titles, rows, n_texts=1, folded=True)


def _link_table(key: str, links: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not links:
        return None
    titles = (
        *("link", term("link_verdict", "verdict"), term("edge", "edges")),
        *(term("link", "weight"), term("chance"), term("link_z", "z"), term("link_p", "p")),
    )
    rows = [
        (
            f"{x['source']} → {x['target']}",
            x["verdict"],
            f"{x['n_edges']:,}",
            *(number_text(x[name], 2) for name in ("weight", "chance")),
            number_text(x["z"], 1),
            p_text(x["p"], is_bound=False),
        )
        for x in links
    ]
    return table(f"Links between modules of {key}", titles, rows, n_texts=2, folded=True)
