"""What a person reads in the terminal after training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netsculpt.core.printable import printable
from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.report.terminal.pruned import weights_table
from netsculpt.training.fitting.loop import Fitted
from netsculpt.training.fitting.metrics import Epoch

__all__ = ["print_trained"]

MAX_EPOCHS = 10  # listed, evenly spread


def print_trained(found: Fitted, counts: WeightCounts, model: Path) -> None:
    """Print the course of a training, its best epoch, and how many weights the net has."""
    console = Console(highlight=False, emoji=False)
    best = found.best
    console.print(
        f"\nAccuracy [bold]{best.accuracy:.2%}[/bold] in epoch {best.epoch} of "
        f"{len(found.history)}, with {sum(counts.kept):,} of {sum(counts.total):,} weights"
    )
    console.print(_epochs(found.history, best))
    console.print()
    console.print(weights_table(counts))
    path = escape(printable(str(model)))
    console.print(
        f"\nWritten to [bold]{path}[/bold]; read it with: netsculpt analyze {path}", soft_wrap=True
    )


def _epochs(history: Sequence[Epoch], best: Epoch) -> Table:
    titles = ("epoch", "loss", "validation loss", "accuracy", "learning rate")
    table = Table(*titles, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.justify = "right"
    step = max(1, -(-len(history) // MAX_EPOCHS))
    for epoch in history:
        if epoch is best or epoch.epoch % step == 0:
            values = (f"{epoch.loss:.4f}", f"{epoch.validation_loss:.4f}", f"{epoch.accuracy:.2%}")
            style = "bold" if epoch is best else None
            table.add_row(str(epoch.epoch), *values, f"{epoch.learning_rate:.3g}", style=style)
    return table
