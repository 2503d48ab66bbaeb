"""What a person reads of a graph's fidelity to the net that it was traced from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape

from netsculpt.core.printable import printable

if TYPE_CHECKING:
    from netsculpt.tracing import Fidelity

__all__ = ["fidelity_section"]

MAX_NAMES = 6  # layers named before the rest is only counted


def fidelity_section(found: Fidelity) -> RenderableType:
    """The largest errors and where they are; what was not checked, and why."""
    checked = [x for x in found.layers if x.error is not None]
    lines = []
    if checked:
        worst = max(checked, key=lambda x: x.error or 0.0)
        where = f", in {_literal(worst.layer)}" if worst.error else ""
        lines.append(
            f"Edges held against the net in {len({x.layer for x in checked})} of "
            f"{len({x.layer for x in found.layers})} layers: largest error {worst.error:.1e}{where}"
        )
    lines.append(
        f"Outputs rebuilt from the graph differ from the net's by {found.output_error:.1e} of "
        "their scale (some 1e-07 is rounding)"
    )
    reasons: dict[str, list[str]] = {}
    for x in found.layers:
        if x.error is None and x.layer not in reasons.setdefault(x.reason, []):
            reasons[x.reason].append(x.layer)
    for reason, layers in reasons.items():
        named = ", ".join(_literal(name) for name in layers[:MAX_NAMES])
        more = f" and {len(layers) - MAX_NAMES} more" if len(layers) > MAX_NAMES else ""
        lines.append(f"[yellow]Not checked: {named}{more}: {_literal(reason)}[/yellow]")
    return Group(*lines)


def _literal(text: str) -> str:
    return escape(printable(text))
