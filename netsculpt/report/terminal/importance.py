"""The report of what each weight of a net is worth, in the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from netsculpt.report.terminal._style import console, literal, plain_table, written

if TYPE_CHECKING:
    from netsculpt.training.importance import Importance

__all__ = ["print_importance"]

_WORDS = {"train": "training", "held_out": "held-out"}
_WITHIN = 1.96  # standard deviations: 95 % of a normal distribution


def print_importance(found: Importance, folder: Path | None = None) -> None:
    """Print losses, what removals do to them, how well estimates tell it, and areas."""
    out, summary = console(), found.summary()
    out.print(f"\n{found.n_weights:,} kept weights, each removed by itself")
    out.print()
    out.print(_effects(found, summary))
    out.print()
    if found.estimates:
        out.print(_correlations(summary))
        out.print(
            "Rank correlations (Spearman) of estimates with the change of the loss, and of the "
            f"sizes of both\n{_ranked(found)}"
        )
    for name, reason in found.left_out.items():
        out.print(f"Left out: {literal(name)}, as {literal(reason)}")
    if "loop" in found.ways.values():
        looped = [name for name, way in found.ways.items() if way == "loop"]
        out.print(f"Ablated by a plain loop: {literal(', '.join(looped))}")
    if found.curves:
        out.print()
        out.print(_areas(summary))
        shares = found.curves[0].shares
        out.print(
            f"Mean accuracy, {shares[0]:.0%} to {shares[-1]:.0%} removed, when the smallest go "
            "first (by value, signs included), less that when the largest do"
        )
    if folder is not None:
        written(folder, f"\nTables, figures and summary.json are in [bold]{literal(folder)}[/bold]")


def _effects(found: Importance, summary: dict[str, Any]) -> Table:
    titles = ("samples", "n", "loss", "accuracy", "loss falls without", "stays")
    table = plain_table(*titles, n_texts=1)
    pooled = {x["data"]: x for x in summary["effects"] if x["parameter"] == "all"}
    for data, word in _WORDS.items():
        table.add_row(
            word,
            f"{found.counts[data]:,}",
            f"{found.losses[data]:.4f}",
            f"{found.accuracies[data]:.2%}",
            f"{pooled[data]['falls']:.1%}",
            f"{pooled[data]['unchanged']:.1%}",
        )
    return table


def _correlations(summary: dict[str, Any]) -> Table:
    columns = [(data, outcome) for data in _WORDS for outcome in ("signed", "absolute")]
    titles = [f"{word}: signed" if x else "in size" for word in _WORDS.values() for x in (1, 0)]
    table = plain_table("estimate", *titles, n_texts=1)
    values = {
        (x["estimate"], x["data"], x["outcome"]): x["spearman"] for x in summary["correlations"]
    }
    for name in dict.fromkeys(x["estimate"] for x in summary["correlations"]):
        table.add_row(literal(name), *(_number(values[name, *column]) for column in columns))
    return table


def _ranked(found: Importance) -> str:
    """How many weights are ranked, and what chance gives."""
    counts = {data: int(found.matters(data).sum()) for data in _WORDS}
    parts = [f"{n:,} on {_WORDS[data]} samples" for data, n in counts.items()]
    text = f"of the weights whose removal changes the loss: {', '.join(parts)}"
    fewest = min(counts.values())
    if fewest < 3:
        return text
    return f"{text}; chance alone gives ±{_WITHIN / math.sqrt(fewest - 1):.2f} (95 %)"


def _areas(summary: dict[str, Any]) -> Table:
    kinds = [x for x in summary["areas"][0] if x != "estimate"]
    table = plain_table("pruned by", *(x.replace("_", "-") for x in kinds), n_texts=1)
    for row in summary["areas"]:
        table.add_row(literal(row["estimate"]), *(_number(row[x]) for x in kinds))
    return table


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.2f}".replace("-", "−")
