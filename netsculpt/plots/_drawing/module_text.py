"""Text in the box of a module."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from netsculpt.hierarchy import Module
from netsculpt.plots._drawing.axes import text_width

__all__ = ["box_texts"]

_NUMBERED = re.compile(r"(?:(.*)\[)?(\d+)\]?")  # "input[3]" or "3"
_MOST_LISTED = 3  # runs of units written out; more are counted


def box_texts(
    module: Module, names: Mapping[int, str], room: float, size: float, small: float
) -> list[str]:
    """Lines of a box, the most important first, each in the longest form that fits `room` points.

    The first line is bold, of `size` points; the others have `small` points. A line that does not
    fit in any form is "".
    """
    units = "unit" if module.n_units == 1 else "units"
    fed = "module" if module.reuse == 1 else "modules"
    forms = [
        ([f"module {module.name}", module.name, f"{module.label}"], 1.15 * size),  # bold is wider
        ([f"{module.n_units:,} {units}", f"{module.n_units:,}"], small),
        ([f"feeds {module.reuse} {fed}", f"→ {module.reuse} {fed}"] if module.reuse else [], small),
        (_end_forms("sees", "in", module.inputs_seen, names), small),
        (_end_forms("serves", "out", module.outputs_served, names), small),
    ]
    return [
        next((text for text in texts if text_width(text, width) <= room), "")
        for texts, width in forms
        if texts
    ]


def _end_forms(verb: str, end: str, units: tuple[int, ...], names: Mapping[int, str]) -> list[str]:
    """The units that a module sees or serves, longest form first; empty without units."""
    if not units:
        return []
    listed = _listed(units, names)
    plural = "s" if len(units) > 1 else ""
    counts = [f"{verb} {len(units):,} {end}put{plural}", f"{len(units):,} {end}"]
    return counts if listed is None else [f"{verb} {listed}", *counts]


def _listed(units: tuple[int, ...], names: Mapping[int, str]) -> str | None:
    """Units by name, numbers as runs: "input[0–2, 7]"; None if that gets long."""
    numbers: dict[str, list[int]] = {}
    for unit in sorted(units):
        name = names.get(unit, str(unit))
        numbered = _NUMBERED.fullmatch(name)
        layer, number = numbered.groups() if numbered else (name, None)
        numbers.setdefault(layer or "", []).extend([] if number is None else [int(number)])
    runs = {layer: _runs(of_layer) for layer, of_layer in numbers.items()}
    if sum(max(len(of_layer), 1) for of_layer in runs.values()) > _MOST_LISTED:
        return None
    return ", ".join(
        f"{layer}[{', '.join(texts)}]" if layer and texts else layer or ", ".join(texts)
        for layer, texts in runs.items()
    )


def _runs(numbers: list[int]) -> list[str]:
    ordered = np.sort(np.array(numbers, dtype=np.int64))
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    return [str(r[0]) if r.size == 1 else f"{r[0]}–{r[-1]}" for r in runs if r.size]
