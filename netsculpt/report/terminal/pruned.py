"""The report of a pruning in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.report.terminal._style import (
    command,
    console,
    literal,
    name_list,
    plain_table,
    print_model,
)
from netsculpt.training.pruning.report import LiveUnits, Pruned, PruningReport

__all__ = ["print_pruned", "weights_table"]

MAX_NAMED = 8


def print_pruned(pruned: Pruned, model: Path, task: str | None = None) -> None:
    """Print how much of each layer is left, and what is cut off."""
    out = console()
    counts = pruned.report.weights
    out.print(
        f"\n[bold]{literal(pruned.method)}[/bold]  {sum(counts.kept):,} of {sum(counts.total):,} "
        f"weights kept: density {counts.density:.4%}, requested {pruned.density:.4%}"
    )
    out.print(weights_table(counts))
    if pruned.report.units is not None:
        out.print()
        out.print(_units(pruned.report.units))
    for line in [*_repair(pruned), *_warnings(pruned.report)]:
        out.print(line)
    trains = (
        command("train", model, "--task", task) if task else f"{command('train', model)} --task …"
    )
    print_model(model, more=f"; train it with: {trains}")


def weights_table(counts: WeightCounts) -> Table:
    """One row per parameter."""
    table = plain_table("weights", "kept", "of", "density", n_texts=1)
    for name, kept, total in zip(counts.names, counts.kept, counts.total, strict=True):
        share = kept / total if total else 0.0
        table.add_row(literal(name), f"{kept:,}", f"{total:,}", f"{share:.2%}")
    return table


def _units(units: LiveUnits) -> Table:
    table = plain_table("layer", "units", "live", "dead", n_texts=1)
    for name, total, live in zip(units.layers, units.units, units.live, strict=True):
        table.add_row(literal(name), f"{total:,}", f"{live:,}", f"{total - live:,}")
    return table


def _repair(pruned: Pruned) -> list[str]:
    repair = pruned.details.get("repair")
    if repair is None:
        return []
    more = f"; {repair['overshoot']:,} more are kept than before" if repair["overshoot"] else ""
    return [
        f"Repaired: {counted(repair['restored'], 'weight')} restored, {repair['removed']:,} weak "
        f"removed{more}."
    ]


def _warnings(report: PruningReport) -> list[str]:
    units, lines = report.units, []
    if report.emptied:
        lines.append(f"Nothing is kept of {name_list(report.emptied, MAX_NAMED)}.")
    if report.untraced is not None:
        lines.append(f"Units are not counted: {literal(report.untraced)}")
    if units is not None and not units.connected:
        lines.append("No input→output path is left: keep more, or use --repair.")
    elif units is not None and units.cut_off:
        lines.append(
            f"No path passes through {name_list(units.cut_off, MAX_NAMED)}: --repair fixes that."
        )
    return [f"[yellow]{line}[/yellow]" for line in lines]
