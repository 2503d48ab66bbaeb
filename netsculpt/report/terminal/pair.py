"""The report on a pair in the terminal."""

from __future__ import annotations

import math

from rich.table import Table

from netsculpt.compare.pair import ClassRecalls, GraphComparison, PairAnalysis, PhaseOverlaps
from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import console, literal, plain_table

__all__ = ["print_pair"]

MOST_CLASSES = 20


def print_pair(analysis: PairAnalysis) -> None:
    """Print how the answers, the classes, the layers and the graphs of a pair differ."""
    out = console()
    answers = analysis.outcome.answers
    change, low, high = answers.accuracy_change
    out.print(
        f"\nAccuracy [bold]{answers.accuracy_sparse:.2%}[/bold] sparse, "
        f"{answers.accuracy_dense:.2%} dense: {_signed(change)} "
        f"({_signed(low)} … {_signed(high)}), p {answers.p_equal:.2g} (McNemar)"
    )
    out.print(
        f"{counted(answers.n_regressions, 'answer')} lost, {answers.n_fixes:,} won, "
        f"{counted(answers.n_other_errors, 'other error')}, of {counted(answers.n, 'sample')}; "
        f"right where the dense net is right {_share(answers.right_if_dense_right)}, where it is "
        f"wrong {_share(answers.right_if_dense_wrong)}"
    )
    out.print(_pairs(analysis))
    outputs = analysis.outcome.outputs
    out.print(
        f"\nCalibration error {outputs.ece_sparse:.4f} sparse, {outputs.ece_dense:.4f} dense; "
        f"margins: rank correlation {_number(outputs.margin_correlation)}"
    )
    out.print()
    out.print(_classes(analysis.outcome.classes))
    out.print(_who_pays(analysis.outcome.classes))
    out.print()
    out.print(_layers(analysis))
    if analysis.graph is None:
        out.print(f"[yellow]No graphs: {literal(analysis.no_graph)}[/yellow]")
    else:
        _print_graph(analysis.graph)
    if analysis.phases is not None:
        _print_phases(analysis.phases)


def _pairs(analysis: PairAnalysis) -> Table:
    titles = ("pair", "sparse", "dense", "agree", "κ", "churn", "95 %", "lost", "won", "KL", "JS")
    table = plain_table(*titles, n_texts=1)
    for name, pair in {"this pair": analysis.outcome, **analysis.baselines}.items():
        answers, outputs = pair.answers, pair.outputs
        low, high = answers.churn_interval
        table.add_row(
            literal(name),
            f"{answers.accuracy_sparse:.2%}",
            f"{answers.accuracy_dense:.2%}",
            f"{answers.agreement:.2%}",
            _number(answers.kappa),
            f"{answers.churn:.2%}",
            f"{low:.1%} … {high:.1%}",
            f"{answers.regressions:.2%}",
            f"{answers.fixes:.2%}",
            f"{outputs.kl:.4f}",
            f"{outputs.js:.4f}",
        )
    return table


def _classes(classes: ClassRecalls) -> Table:
    titles = ("class", "samples", "recall sparse", "95 %", "dense", "change", "95 %", "lost", "won")
    table = plain_table(*titles, n_texts=0)
    rows = classes.table()
    rows = rows[rows["n"] > 0].sort_values(["change", "class"], kind="stable")
    for row in rows.head(MOST_CLASSES).to_dict("records"):
        table.add_row(
            str(row["class"]),
            f"{row['n']:,}",
            f"{row['recall_sparse']:.1%}",
            f"{row['recall_sparse_low']:.0%} … {row['recall_sparse_high']:.0%}",
            f"{row['recall_dense']:.1%}",
            _signed(row["change"]),
            f"{_signed(row['change_low'])} … {_signed(row['change_high'])}",
            f"{row['regressions']:,}",
            f"{row['fixes']:,}",
        )
    return table


def _who_pays(classes: ClassRecalls) -> str:
    if math.isnan(classes.gini):
        return "No class regresses."
    return (
        f"Regressions are shared unequally by Gini {classes.gini:.3f}, "
        f"{classes.gini_chance:.3f} by chance (p {classes.p:.2g})"
    )


def _layers(analysis: PairAnalysis) -> Table:
    shares = {} if analysis.graph is None else analysis.graph.path_share
    table = plain_table("layer", "CKA", "path shares", n_texts=1)
    for name in dict.fromkeys([*analysis.cka, *shares]):
        values = (each.get(name) for each in (analysis.cka, shares))
        table.add_row(literal(name), *("" if x is None else _number(x) for x in values))
    return table


def _print_graph(graph: GraphComparison) -> None:
    masks = graph.masks
    console().print(
        f"\nKept {graph.density:.2%} of the weights; shared with the largest of the dense net: IoU "
        f"{masks.iou:.3f}, by chance {masks.chance:.3f}, corrected {_number(masks.corrected)}\n"
        f"Modules ({literal(graph.detector)}): {graph.n_modules[0]:,} and {graph.n_modules[1]:,}, "
        f"AMI {_number(graph.module_ami)}; two runs on the sparse net "
        f"{_number(graph.module_ami_again)}"
    )


def _print_phases(phases: PhaseOverlaps) -> None:
    table = plain_table("phase", "shared with the next", "chance", "corrected", n_texts=0)
    columns = phases.shared, phases.chance, phases.corrected
    for index, row in enumerate(zip(*columns, strict=True), start=1):
        table.add_row(str(index), *map(_number, row))
    console().print()
    console().print(table)
    console().print(
        f"Ever kept {phases.ever_kept:.2%} of the weights; regrown {_share(phases.regrown)} of the "
        "last mask"
    )


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"


def _share(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2%}"


def _signed(share: float) -> str:
    return f"{share:+.2%}".replace("-", "−")
