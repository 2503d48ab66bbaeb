"""The report of a training in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.report.terminal._style import console, plain_table, print_written
from netsculpt.report.terminal.pruned import weights_table
from netsculpt.training.fitting.loop import Fitted
from netsculpt.training.fitting.metrics import Epoch

__all__ = ["print_trained"]

MAX_EPOCHS = 10  # listed, evenly spread


def print_trained(fitted: Fitted, counts: WeightCounts, model: Path) -> None:
    """Print the course of a training, its best epoch, and how many weights the net has."""
    out = console()
    best = fitted.best
    out.print(
        f"\nAccuracy [bold]{best.accuracy:.2%}[/bold] in epoch {best.epoch} of "
        f"{len(fitted.history)}, with {sum(counts.kept):,} of {sum(counts.total):,} weights"
    )
    out.print(_epochs(fitted.history, best))
    out.print()
    out.print(weights_table(counts))
    print_written(model)


def _epochs(history: Sequence[Epoch], best: Epoch) -> Table:
    titles = ("epoch", "loss", "validation loss", "accuracy", "learning rate")
    table = plain_table(*titles, n_texts=0)
    step = max(1, -(-len(history) // MAX_EPOCHS))
    for epoch in history:
        if epoch is best or epoch.epoch % step == 0:
            values = (f"{epoch.loss:.4f}", f"{epoch.validation_loss:.4f}", f"{epoch.accuracy:.2%}")
            style = "bold" if epoch is best else None
            table.add_row(str(epoch.epoch), *values, f"{epoch.learning_rate:.3g}", style=style)
    return table
