"""The report on what a target reuses of a source, in the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from netsculpt.report.terminal._style import console, literal, plain_table

if TYPE_CHECKING:
    from netsculpt.training.transfer.reuse_analysis import (
        NetReport,
        ReuseAnalysis,
        SharedStart,
    )

__all__ = ["print_reuse"]

_LEVEL = 0.05


def print_reuse(analysis: ReuseAnalysis, folder: Path | None = None) -> None:
    """Print the verdict on each function, the matched modules, and what each module carries."""
    out = console()
    subtasks = analysis.subtasks
    shares = " · ".join(f"{name} {share:.2f}" for name, share in subtasks.shares.items())
    out.print(
        f"\nDegree of sub-task reuse [bold]{subtasks.degree:.2f}[/bold] of "
        f"{len(subtasks.subtasks)} functions\n{shares}"
    )
    for name, net in (("source", analysis.source), ("target", analysis.target)):
        if net.accuracy < 1:
            out.print(
                f"[yellow]The {name} answers {net.accuracy:.2%} of its task right: what it gets "
                "wrong counts against every function.[/yellow]"
            )
    out.print()
    out.print(_functions(analysis))
    if subtasks.is_monolithic:
        out.print(f"[yellow]{subtasks.notes[0]}[/yellow]")
    out.print()
    out.print(_matching(analysis))
    for name, net in (("source", analysis.source), ("target", analysis.target)):
        out.print(
            f"\nThe {name}: {net.graph.n_units:,} units, {net.graph.n_edges:,} edges, "
            f"{net.modules.n_modules:,} modules of hidden units ({analysis.about['detector']})"
        )
        out.print(_modules(net))
    out.print(f"Outputs hurt: they lose accuracy without the module; * q < {_LEVEL:g}")
    if analysis.start is not None:
        _print_start(analysis.start)
    if folder is not None:
        out.print(
            f"\nTables, figures and summary.json are in [bold]{literal(folder)}[/bold]",
            soft_wrap=True,
        )


def _functions(analysis: ReuseAnalysis) -> Table:
    titles = ("function", "in target", "verdict", "source", "target")
    table = plain_table(*titles, "interchange", "similarity", "copies", n_texts=3)
    for common, x in zip(analysis.functions, analysis.subtasks.subtasks, strict=True):
        table.add_row(
            literal(x.function),
            literal(", ".join(common.target)) or "none",
            x.verdict,
            _module(x.source),
            _module(x.target),
            _number(x.iia),
            _number(x.similarity),
            str(x.multiplicity),
        )
    return table


def _matching(analysis: ReuseAnalysis) -> Table:
    titles = ("source module", "target module", "units", "similarity", "by chance", "p", "q")
    table = plain_table(*titles, n_texts=0)
    sizes = analysis.matching.sizes
    for x in analysis.matching.pairs:
        table.add_row(
            str(x.source),
            str(x.target),
            f"{sizes[0][x.source]:,} and {sizes[1][x.target]:,}",
            _number(x.similarity),
            _number(x.chance),
            _p(x.p),
            _p(x.q),
        )
    return table


def _modules(net: NetReport) -> Table:
    """The function of largest interchange accuracy, and the outputs that need each module."""
    table = plain_table(
        "module", "units", "best function", "interchange", "p", "outputs hurt", n_texts=0
    )
    found, lost = net.interchange, net.lesions
    kind = lost.kinds.index("resample")
    for module, size in enumerate(found.sizes.tolist()):
        scores = found.accuracy[module]
        known = [i for i in range(len(scores)) if not math.isnan(scores[i])]
        best = max(known, key=lambda i: scores[i], default=None)
        hurt = [
            f"{output}{'*' if lost.q[kind, module, output] < _LEVEL else ''}"
            for output in range(lost.drop.shape[2])
            if lost.drop[kind, module, output] > 1e-9
        ]
        table.add_row(
            str(module),
            f"{size:,}",
            "" if best is None else literal(found.functions[best]),
            "" if best is None else _number(float(scores[best])),
            "" if best is None else _p(float(found.p[module, best])),
            " ".join(hurt) or "none",
        )
    return table


def _print_start(start: SharedStart) -> None:
    masks = start.masks
    console().print(
        f"\nStarted from the source, as said: the target keeps {masks.reuse:.2%} weights that the "
        f"source kept; R* {_number(masks.corrected)}, p {_p(masks.p)}\n"
        f"Modules by shared units: {len(start.units.significant(_LEVEL))} of "
        f"{start.units.similarity.shape[0]} matched with q ≤ {_LEVEL:g}"
    )
    if start.retention is not None:
        stayed = start.retention
        console().print(
            f"Weights that stayed within {stayed.tolerance:.0%}: {_number(stayed.retained)}, in "
            f"the control {_number(stayed.control)}"
        )


def _module(number: int | None) -> str:
    return "none" if number is None else str(number)


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2g}"
