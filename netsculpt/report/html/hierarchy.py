"""The hierarchy of modules as a drawing whose boxes can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from netsculpt.core.counting import counted
from netsculpt.report.html.markup import Markup, element

__all__ = ["hierarchy_drawing"]

_MOST: Final = 60  # modules drawn; more are in the table of modules alone
_NARROW, _HIGH, _GAP_X, _GAP_Y = 118, 46, 72, 14  # boxes and the room between them
_LETTER: Final = 6.8  # width of a letter, generous: the page's font is the reader's own
_BEFORE, _AFTER = 16, 8  # room in a box before and after its text
_FOOT: Final = 20  # room for the names of the levels
_HEAD: Final = 8  # length of an arrow's head
_BOW: Final = 60  # how far arrows that skip a level bend, so that they pass above a box


def hierarchy_drawing(key: str, hierarchy: Mapping[str, Any], verdict: str) -> Markup | None:
    """Boxes of modules, level by level from left to right; None if there is nothing to draw.

    A box is a button: it chooses its units in the view of the network. Arrows lead from a module to
    those that it feeds. Links that are no more than chance, or were not tested, are dashed;
    feedback is dotted.
    """
    modules = hierarchy["modules"]
    if not 1 < len(modules) <= _MOST:
        return None
    texts = {module["label"]: _texts(module) for module in modules}
    longest = max(len(line) for lines in texts.values() for line in lines)
    wide = max(_NARROW, round(_LETTER * longest) + _BEFORE + _AFTER)
    levels: dict[int, list[Mapping[str, Any]]] = {}
    for module in modules:
        levels.setdefault(module["level"], []).append(module)
    width = len(levels) * (wide + _GAP_X) - _GAP_X + 4
    tallest = max(map(len, levels.values())) * (_HIGH + _GAP_Y)
    place = {
        module["label"]: (
            2 + column * (wide + _GAP_X),
            round((i + 0.5) * tallest / len(rows) - _HIGH / 2, 1),
        )
        for column, (_, rows) in enumerate(sorted(levels.items()))
        for i, module in enumerate(rows)
    }
    believed = {
        (link["source"], link["target"])
        for link in hierarchy["links"]
        if link["evidence"] == "more than chance"
    }
    arrows = [
        (module["label"], label, "edge" if (module["label"], label) in believed else "edge dashed")
        for module in modules
        for label in module["feeds"]
        if label in place
    ] + [
        (link["source"], link["target"], "edge dotted")
        for link in hierarchy["links"]
        if link["verdict"] == "feedback"
    ]
    names = [
        element("text", f"level {level}", x=2 + i * (wide + _GAP_X), y=tallest + _FOOT - 6)
        for i, level in enumerate(sorted(levels))
    ]
    above = _BOW // 2 if len(levels) > 2 else 0
    drawing = element(
        "svg",
        *(_arrow(place, wide, *arrow) for arrow in arrows),
        *(_box(key, x, texts[x["label"]], *place[x["label"]], wide) for x in modules),
        *names,
        viewBox=f"0 {-above} {width} {above + tallest + _FOOT}",
        width=width,
        height=above + tallest + _FOOT,
        role="group",
        aria_label=f"Hierarchy of the modules of {key}",
        class_="hierarchy" if verdict == "modular" else "hierarchy unsure",
    )
    return element(
        "div", drawing, class_="scroll", tabindex=0, role="region", aria_label="Hierarchy"
    )


def _arrow(
    place: Mapping[int, tuple[float, float]], wide: float, source: int, target: int, kind: str
) -> Markup:
    """A curve from a box to one that it feeds, with a head there; feedback runs from right to left.

    An arrow leaves on the side of its target and arrives on the side of its source. One that skips
    a level passes above the boxes there.
    """
    (x, y), (to_x, to_y) = place[source], place[target]
    way = 1 if to_x > x else -1
    if way > 0:
        x += wide
    else:
        to_x += wide
    y, to_y = y + _HIGH / 2, to_y + _HIGH / 2
    base = to_x - way * _HEAD
    middle, bow = (x + base) / 2, _BOW if abs(base - x) > _GAP_X else 0
    curve = (
        f"M{x:.1f},{y:.1f} C{middle:.1f},{y - bow:.1f} {middle:.1f},{to_y - bow:.1f} "
        f"{base:.1f},{to_y:.1f}"
    )
    head = f"M{to_x:.1f},{to_y:.1f} L{base:.1f},{to_y - 4:.1f} L{base:.1f},{to_y + 4:.1f} Z"
    return element(
        "g",
        element("path", d=curve, class_=kind),
        element("path", d=head, class_="head"),
        data_link=f"{source} {target}",
    )


def _texts(module: Mapping[str, Any]) -> tuple[str, str, str]:
    labels = _labels(module)
    name = "+".join(labels if len(labels) <= 3 else [*labels[:2], "…", labels[-1]])
    reuse = module["reuse"]
    fed = f", feeds {reuse}" if reuse > 1 else ""
    return (
        f"module {name}",
        counted(module["n_units"], "unit"),
        f"{module['path_share']:.0%} of paths{fed}",
    )


def _labels(module: Mapping[str, Any]) -> list[str]:
    return [str(label) for label in module["members"] or [module["label"]]]


def _box(
    key: str, module: Mapping[str, Any], lines: tuple[str, ...], x: float, y: float, wide: float
) -> Markup:
    name, units, paths = lines
    labels = _labels(module)
    told = f"{name}, {units}, level {module['level']}, {paths}"
    return element(
        "g",
        element("rect", x=x, y=y, width=wide, height=_HIGH, rx=4),
        *(
            element("text", line, x=x + _BEFORE, y=round(y + 14 + 13 * i, 1))
            for i, line in enumerate(lines)
        ),
        element(
            "rect",
            x=x,
            y=y,
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
