"""The report in the terminal after pruning."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netsculpt.core.printable import printable
from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.training.pruning.pruned import Pruned
from netsculpt.training.pruning.report import LiveUnits, PruningReport

__all__ = ["print_pruned", "weights_table"]

MAX_NAMED = 8


def print_pruned(pruned: Pruned, model: Path) -> None:
    """Print how much is left of each layer, and what is cut off."""
    console = Console(highlight=False, emoji=False)
    counts = pruned.report.weights
    console.print(
        f"\n[bold]{_literal(pruned.method)}[/bold]  {sum(counts.kept):,} of {sum(counts.total):,} "
        f"weights kept: density {counts.density:.4%}, asked for {pruned.density:.4%}"
    )
    console.print(weights_table(counts))
    if pruned.report.units is not None:
        console.print()
        console.print(_units(pruned.report.units))
    for line in [*_repair(pruned), *_warnings(pruned.report)]:
        console.print(line)
    path = _literal(str(model))
    console.print(
        f"\nWritten to [bold]{path}[/bold]; read it with: netsculpt analyze {path}; train it with: "
        f"netsculpt train {path} --task …",
        soft_wrap=True,
    )


def weights_table(counts: WeightCounts) -> Table:
    """One row per parameter."""
    table = Table("weights", "kept", "of", "density", box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, kept, total in zip(counts.names, counts.kept, counts.total, strict=True):
        share = kept / total if total else 0.0
        table.add_row(_literal(name), f"{kept:,}", f"{total:,}", f"{share:.2%}")
    return table


def _units(units: LiveUnits) -> Table:
    table = Table("layer", "units", "live", "dead", box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, total, live in zip(units.layers, units.units, units.live, strict=True):
        table.add_row(_literal(name), f"{total:,}", f"{live:,}", f"{total - live:,}")
    return table


def _repair(pruned: Pruned) -> list[str]:
    repair = pruned.details.get("repair")
    if repair is None:
        return []
    more = f"; {repair['overshoot']:,} more are kept than before" if repair["overshoot"] else ""
    return [
        f"Repaired: {repair['restored']:,} pruned weights restored, {repair['removed']:,} weak "
        f"ones removed{more}."
    ]


def _warnings(report: PruningReport) -> list[str]:
    units, lines = report.units, []
    if report.emptied:
        lines.append(f"Nothing is kept of {_several(report.emptied)}.")
    if report.untraced is not None:
        lines.append(f"Units are not counted: {_literal(report.untraced)}")
    if units is not None and not units.connected:
        lines.append("No input→output path is left: keep more weights, or use --repair.")
    elif units is not None and units.cut_off:
        lines.append(f"No path passes through {_several(units.cut_off)}: use --repair.")
    return [f"[yellow]{line}[/yellow]" for line in lines]


def _several(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return _literal(", ".join(names[:MAX_NAMED])) + more


def _literal(text: str) -> str:
    return escape(printable(text))
