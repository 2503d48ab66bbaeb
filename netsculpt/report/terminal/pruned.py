"""What a person reads in the terminal after pruning."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netsculpt.core.printable import printable
from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.training.pruning.prune import Pruned
from netsculpt.training.pruning.report import LiveUnits, PruningReport

__all__ = ["print_pruned", "weights_table"]

MAX_NAMED = 8


def print_pruned(found: Pruned, model: Path) -> None:
    """Print how much is left of each layer, and what is cut off."""
    console = Console(highlight=False, emoji=False)
    counts = found.report.weights
    console.print(
        f"\n[bold]{_literal(found.method)}[/bold]  {sum(counts.kept):,} of {sum(counts.total):,} "
        f"weights kept: density {counts.density:.4%}, asked for {found.density:.4%}"
    )
    console.print(weights_table(counts))
    if found.report.units is not None:
        console.print()
        console.print(_units(found.report.units))
    for line in [*_repair(found), *_warnings(found.report)]:
        console.print(line)
    path = _literal(str(model))
    console.print(
        f"\nWritten to [bold]{path}[/bold]; read it with: netsculpt analyze {path}; train it with: "
        f"netsculpt train {path} --task …",
        soft_wrap=True,
    )


def weights_table(counts: WeightCounts) -> Table:
    """One row a parameter."""
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


def _repair(found: Pruned) -> list[str]:
    done = found.details.get("repair")
    if done is None:
        return []
    more = f"; {done['overshoot']:,} more are kept than before" if done["overshoot"] else ""
    return [
        f"Repaired: {done['restored']:,} weights came back, {done['removed']:,} weak ones went"
        f"{more}."
    ]


def _warnings(report: PruningReport) -> list[str]:
    units, said = report.units, []
    if report.emptied:
        said.append(f"Nothing is kept of {_several(report.emptied)}.")
    if report.untraced is not None:
        said.append(f"Units are not counted: {_literal(report.untraced)}")
    if units is not None and not units.connected:
        said.append("No input→output path is left: keep more, or --repair.")
    elif units is not None and units.cut_off:
        said.append(f"No path passes through {_several(units.cut_off)}: --repair mends that.")
    return [f"[yellow]{line}[/yellow]" for line in said]


def _several(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return _literal(", ".join(names[:MAX_NAMED])) + more


def _literal(text: str) -> str:
    return escape(printable(text))
