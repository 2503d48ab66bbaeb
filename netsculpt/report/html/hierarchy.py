"""The hierarchy of modules as a drawing whose boxes can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from netsculpt.report.html.markup import Markup, element

__all__ = ["hierarchy_drawing"]

_MOST: Final = 60  # modules drawn; more are in the table of modules alone
_WIDE, _HIGH, _GAP_X, _GAP_Y = 118, 46, 22, 54  # boxes and the room between them


def hierarchy_drawing(key: str, hierarchy: Mapping[str, Any], verdict: str) -> Markup | None:
    """Boxes of modules, level by level from the bottom up; None if there is nothing to draw.

    A box is a button: it chooses its units in the view of the network. Links that are no more than
    chance, or were not tested, are dashed.
    """
    modules = hierarchy["modules"]
    if not 1 < len(modules) <= _MOST:
        return None
    levels: dict[int, list[Mapping[str, Any]]] = {}
    for module in modules:
        levels.setdefault(module["level"], []).append(module)
    widest = max(map(len, levels.values()))
    width, height = widest * (_WIDE + _GAP_X), len(levels) * (_HIGH + _GAP_Y) - _GAP_Y + 4
    place = {
        module["label"]: (
            (i + 0.5) * width / len(row),
            height - _HIGH - 2 - rank * (_HIGH + _GAP_Y),
        )
        for rank, (_, row) in enumerate(sorted(levels.items()))
        for i, module in enumerate(row)
    }
    believed = {
        (link["source"], link["target"])
        for link in hierarchy["links"]
        if link["evidence"] == "more than chance"
    }
    lines = [
        _line(
            place[module["label"]],
            place[label],
            dashed=(module["label"], label) not in believed,
        )
        for module in modules
        for label in module["feeds"]
        if label in place
    ]
    boxes = [_box(key, module, *place[module["label"]]) for module in modules]
    drawing = element(
        "svg",
        *lines,
        *boxes,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group",
        aria_label=f"Hierarchy of the modules of {key}",
        class_="hierarchy" if verdict == "modular" else "hierarchy unsure",
    )
    return element(
        "div", drawing, class_="scroll", tabindex=0, role="region", aria_label="Hierarchy"
    )


def _line(start: tuple[float, float], stop: tuple[float, float], *, dashed: bool) -> Markup:
    """A curve from the top of a box to the bottom of one that it feeds."""
    (x, y), (to_x, to_y) = start, (stop[0], stop[1] + _HIGH)
    middle = (y + to_y) / 2
    ends = f"M{x:.1f},{y:.1f} C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}"
    return element("path", d=ends, class_="dashed" if dashed else None)


def _box(key: str, module: Mapping[str, Any], x: float, y: float) -> Markup:
    labels = [str(label) for label in module["members"] or [module["label"]]]
    name = "+".join(labels if len(labels) <= 3 else [*labels[:2], "…", labels[-1]])
    share, reuse = f"{module['path_share']:.0%} of paths", module["reuse"]
    told = f"module {name}, {module['n_units']:,} units, level {module['level']}, {share}"
    lines = (
        f"module {name}",
        f"{module['n_units']:,} units",
        share + (f", {reuse}×" * (reuse > 1)),
    )
    return element(
        "g",
        element("rect", x=round(x - _WIDE / 2, 1), y=round(y, 1), width=_WIDE, height=_HIGH, rx=4),
        *(
            element("text", line, x=round(x - _WIDE / 2 + 16, 1), y=round(y + 14 + 13 * i, 1))
            for i, line in enumerate(lines)
        ),
        element(
            "rect",
            x=round(x - _WIDE / 2, 1),
            y=round(y, 1),
            width=10,
            height=_HIGH,
            data_module=labels[0],
            class_="swatch",
        ),
        role="button",
        tabindex=0,
        data_key=key,
        data_members=" ".join(labels),
        aria_label=f"{told}: show its units",
    )
