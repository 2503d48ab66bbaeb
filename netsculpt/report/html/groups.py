"""The page of two groups of networks, compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from netsculpt.core.errors import FormatError
from netsculpt.report.html.definitions import definitions, feature, term
from netsculpt.report.html.figures import figure_gallery
from netsculpt.report.html.frame import COMMON, Section, document
from netsculpt.report.html.markup import Markup, joined
from netsculpt.report.html.parts import number_text, p_text, pairs, table
from netsculpt.report.html.sections import cite

__all__ = ["COMPARE", "groups_page", "groups_summary"]

COMPARE: Final = "compare"  # who writes such folders, and those of two networks
_TERMS: Final = ("feature", "energy", "group_p", "divisions", "hedges", "step_down", "seed")


def groups_summary(folder: Path) -> dict[str, Any]:
    """The summary of two groups in a folder that `compare` wrote.

    Raises
    ------
    FormatError
        If it is damaged.
    """
    path = folder / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(path.read_bytes())
        of_groups = "features" in summary
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{path} is not a summary ({error}): run 'compare' again") from None
    if not of_groups:
        raise FormatError(f"{path} has no features of groups: run 'compare' again")
    return summary


def groups_page(summary: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """The page as HTML text, of what `write_groups` writes to summary.json, and its figures."""
    first, second = summary["first"], summary["second"]
    parts: list[Section] = [
        ("result", "Result", _result(summary)),
        ("features", "Features", joined(_features(summary), _left_out(summary["left_out"]))),
        ("figures", "Figures", figure_gallery(figures)),
        ("networks", "Networks", _networks([("first", first), ("second", second)])),
        ("definitions", "Definitions", definitions(_TERMS, features=_named(summary))),
        ("cite", "How to cite", cite()),
    ]
    lead = f"{len(first):,} networks against {len(second):,}"
    return document("Two groups of networks", lead, parts, (*COMMON, "tables"))


def _result(summary: Mapping[str, Any]) -> Markup:
    how = "all" if summary["is_exact"] else "random"
    return pairs(
        [
            (term("energy"), number_text(summary["energy_distance"], 3)),
            (term("group_p", "p"), p_text(summary["p"], is_bound=False)),
            (term("divisions"), f"{summary['n_divisions']:,} ({how})"),
            (term("feature", "features compared"), f"{len(summary['features']):,}"),
            *([] if summary.get("seed") is None else [(term("seed"), str(summary["seed"]))]),
        ]
    )


def _features(summary: Mapping[str, Any]) -> Markup:
    titles = (
        "feature",
        *(term("feature", f"mean of the {which}") for which in ("first", "second")),
        *(term("hedges", text) for text in ("Hedges' g", "from", "to")),
        *(term("group_p", "p"), term("step_down", "adjusted p")),
    )
    rows = [
        (
            feature(str(x["feature"])),
            *(_short(x[name]) for name in ("mean_first", "mean_second")),
            *(number_text(x[name], 2) for name in ("g", "g_low", "g_high")),
            *(p_text(x[name], is_bound=False) for name in ("p", "adjusted_p")),
        )
        for x in summary["features"]
    ]
    return table("Features", titles, rows, n_texts=1, folded=False)


def _left_out(left_out: Mapping[str, str]) -> Markup | None:
    if not left_out:
        return None
    rows = [(feature(name), why) for name, why in left_out.items()]
    return table("Not compared", ("feature", "why"), rows, n_texts=2)


def _named(summary: Mapping[str, Any]) -> list[str]:
    """All features that the page names."""
    return [*(str(x["feature"]) for x in summary["features"]), *summary["left_out"]]


def _networks(groups: Sequence[tuple[str, Sequence[str]]]) -> Markup:
    rows = [(name, str(file)) for name, files in groups for file in files]
    return table("Networks", ("group", "file"), rows, n_texts=2, folded=False)


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
