"""The report of a transfer in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from netsculpt.compare.error_increase import ErrorIncrease
from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import console, literal, plain_table, print_model
from netsculpt.training.transfer import Transferred

__all__ = ["print_transferred"]


def print_transferred(
    found: Mapping[str, Sequence[Transferred]],
    increase: ErrorIncrease | None,
    models: Sequence[Path],
) -> None:
    """Print the accuracy of every net on every target, and how much larger the errors are."""
    out = console()
    out.print()
    out.print(_accuracies(found))
    first = found["sparse"][0]
    if first.published:
        out.print(
            "[yellow]Chosen on the test samples, as published: these accuracies are too "
            "good[/yellow]"
        )
    if increase is not None:
        out.print()
        out.print(_increases(increase))
        out.print(
            f"Relative error increase over {counted(len(increase.targets), 'target')}: "
            f"mean [bold]{_percent(increase.mean)}[/bold] ({_interval(increase.mean_interval)}), "
            f"median {_percent(increase.median)} ({_interval(increase.median_interval)}); 95 %, "
            "bootstrap over the test samples"
        )
    for path in models:
        print_model(path)


def _accuracies(found: Mapping[str, Sequence[Transferred]]) -> Table:
    several = ["net"] if len(found) > 1 else []
    titles = "target", *several, "mode", "chosen", "accuracy", "mean of classes", "train", "test"
    table = plain_table(*titles, n_texts=3 + len(several))
    for who, transfers in found.items():
        for each in transfers:
            table.add_row(
                literal(each.target),
                *(who for _ in several),
                each.mode,
                _chosen(each.chosen),
                f"{each.accuracy:.2%}",
                f"{each.class_accuracy:.2%}",
                f"{each.counts['n_train']:,}",
                f"{each.counts['n_test']:,}",
            )
    return table


def _chosen(chosen: Mapping[str, float]) -> str:
    if "l2" in chosen:
        return f"L2 {chosen['l2']:g}"
    return f"rate {chosen['learning_rate']:g}, epoch {chosen['epoch']:g}"


def _increases(increase: ErrorIncrease) -> Table:
    table = plain_table("target", "error sparse", "dense", "increase", "95 %", n_texts=1)
    rows = zip(
        increase.targets,
        increase.sparse,
        increase.dense,
        increase.increases,
        increase.intervals,
        strict=True,
    )
    for target, sparse, dense, value, interval in rows:
        table.add_row(
            literal(target),
            f"{sparse:.2%}",
            f"{dense:.2%}",
            _percent(value),
            _interval(interval),
        )
    return table


def _interval(ends: tuple[float, float]) -> str:
    return f"{_percent(ends[0])} … {_percent(ends[1])}"


def _percent(value: float) -> str:
    if math.isnan(value):
        return "undefined"
    return "∞" if math.isinf(value) else f"{value:+.1%}".replace("-", "−")
