"""The fidelity of a traced graph to its net in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType

from netsculpt.report.terminal._style import literal, name_list

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.tracing import Fidelity

__all__ = ["fidelity_section"]

MAX_NAMES = 6  # layers named; the rest is only counted
_DOUBLE = 1e-12  # errors below are of sums in float64 alone


def fidelity_section(
    fidelity: Fidelity, graph: NetGraph, live: NDArray[np.bool_]
) -> RenderableType:
    """The largest errors and where they are, in layers with live units [U] if there are some.

    What was not checked follows, and why.
    """
    alive = {layer.name for layer in graph.layers if live[layer.units].any()}
    checked = [(x.error, x.layer) for x in fidelity.layers if x.error is not None]
    lines = []
    if checked:
        in_live = [pair for pair in checked if pair[1] in alive]
        error, layer = max(in_live or checked, key=lambda x: x[0])
        where = f", in {literal(layer)}" if error else ""
        lines.append(
            f"Edges compared with the net in {len({name for _, name in checked})} of "
            f"{len({x.layer for x in fidelity.layers})} layers: largest error {error:.1e}{where}"
        )
    lines.append(
        f"Outputs rebuilt from the graph differ from the net's by {fidelity.output_error:.1e} of "
        f"their scale ({_rounding(fidelity.output_error, graph)})"
    )
    if fidelity.compared_on != "random inputs":
        lines.append(
            "[yellow]The net branches on the values of its inputs: its outputs were compared on "
            f"{fidelity.compared_on} alone, as random inputs take another branch[/yellow]"
        )
    reasons: dict[str, list[str]] = {}
    for x in fidelity.layers:
        if x.error is None and x.layer not in reasons.setdefault(x.reason, []):
            reasons[x.reason].append(x.layer)
    for reason, layers in reasons.items():
        names = name_list(layers, MAX_NAMES)
        lines.append(f"[yellow]Not checked: {names}: {literal(reason)}[/yellow]")
    return Group(*lines)


def _rounding(error: float, graph: NetGraph) -> str:
    """What rounding alone makes of such an error."""
    if error < _DOUBLE or graph.weights.dtype == np.float64:
        return "about 1e-16 is rounding of sums in float64"
    return "about 1e-07 is rounding of weights to float32"
