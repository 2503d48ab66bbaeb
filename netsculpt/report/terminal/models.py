"""The table of several models in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt.core.counting import counted
from netsculpt.report.models import ModelRow
from netsculpt.report.terminal._style import console, literal, plain_table, written
from netsculpt.report.words import same_beginning

if TYPE_CHECKING:
    from netsculpt.pipeline import AnalysisPlan

__all__ = ["print_models"]


def print_models(
    rows: Sequence[ModelRow], plan: AnalysisPlan, output: Path | None, *, n_before: int = 0
) -> None:
    """Print a row per model: its network, and the modules of the first detector of the plan.

    `n_before` models of an earlier run have rows in the table that was written, too.
    """
    key = next(iter(plan.keys.values()))
    out = console()
    titles = ("model", "units", "edges", "density", "log₁₀ paths", "modules", "Q", "z", "p")
    table = plain_table(*titles, "verdict", n_texts=1)
    table.columns[-1].justify = "left"
    done = [row for row in rows if row.error is None]
    same = same_beginning([row.name for row in done])
    for row in done:
        table.add_row(literal(row.name.removeprefix(same)), *_cells(row, key))
    if table.rows:
        out.print(table)
        where = f" All names begin with {literal(same)}." if same else ""
        out.print(f"[dim]Modules of {literal(key)}.{where}[/dim]")
    n_read = sum(row.was_there for row in rows)
    if n_read:
        out.print(f"{counted(n_read, 'model')} had been analysed before.")
    if n_before:
        out.print(f"The table on disk has {counted(n_before, 'model')} of earlier runs as well.")
    if output is not None and (done or n_before):
        page = output / "report.html"
        written(
            page,
            f"\nThe page to open in a browser is [bold]{literal(page)}[/bold]; the table is next "
            "to it in models.csv, and each model has a folder.",
        )


def _cells(row: ModelRow, key: str) -> list[str]:
    numbers = row.summary()
    texts = [f"{numbers[name]:,}" for name in ("n_units", "n_edges")]
    texts += [f"{numbers['density']:.2%}", _number(numbers["log10_paths"], ".2f")]
    found = numbers.get(f"{key}_n_modules")
    texts.append("" if found is None else f"{found:,}")
    forms = {"quality": ".3f", "z": ".1f", "p": ".2g"}
    texts += [_number(numbers.get(f"{key}_{name}"), form) for name, form in forms.items()]
    return [*texts, literal(numbers.get(f"{key}_verdict") or "")]


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form).replace("-", "−")
