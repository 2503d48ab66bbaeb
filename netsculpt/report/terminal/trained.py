"""The report of a training in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.report.terminal._style import console, plain_table, print_model
from netsculpt.report.terminal.pruned import weights_table
from netsculpt.training.fitting.loop import Fitted
from netsculpt.training.fitting.metrics import Epoch

__all__ = ["print_trained"]

MAX_EPOCHS = 10  # listed, evenly spread


def print_trained(
    fitted: Fitted, counts: WeightCounts, model: Path, sparse: Mapping[str, Any] | None = None
) -> None:
    """Print the course of a training, its best epoch, and how many weights the net has."""
    out = console()
    best = fitted.best
    out.print(
        f"\nAccuracy [bold]{best.accuracy:.2%}[/bold] in epoch {best.epoch} of "
        f"{len(fitted.history)}, with {sum(counts.kept):,} of {sum(counts.total):,} weights"
    )
    if sparse is not None:
        out.print(
            f"Made sparse by {sparse['method']}: {counted(sparse['updates'], 'update')} of the "
            f"masks; {sparse['ever_active']:.1%} of the weights were kept at some time"
        )
    out.print(_epochs(fitted.history, best))
    out.print()
    out.print(weights_table(counts))
    print_model(model, dense=sum(counts.kept) == sum(counts.total))


def _epochs(history: Sequence[Epoch], best: Epoch) -> Table:
    titles = ["epoch", "loss", "validation loss", "accuracy", "learning rate"]
    densities = {epoch.density for epoch in history}
    if len(densities) > 1:
        titles.append("density")
    table = plain_table(*titles, n_texts=0)
    step = max(1, -(-len(history) // MAX_EPOCHS))
    for epoch in history:
        if epoch is best or epoch.epoch % step == 0:
            values = [f"{epoch.loss:.4f}", f"{epoch.validation_loss:.4f}", f"{epoch.accuracy:.2%}"]
            values.append(f"{epoch.learning_rate:.3g}")
            if len(densities) > 1:
                values.append(f"{epoch.density:.3g}")
            style = "bold" if epoch is best else None
            table.add_row(str(epoch.epoch), *values, style=style)
    return table
