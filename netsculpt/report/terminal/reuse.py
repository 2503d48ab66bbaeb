"""The report on what a target reuses of a source, in the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import console, literal, plain_table, written

if TYPE_CHECKING:
    from netsculpt.training.transfer.reuse_analysis import (
        NetReport,
        ReuseAnalysis,
        SharedStart,
    )

__all__ = ["print_reuse"]

_LEVEL = 0.05
_MEANING = {
    "reused": "a module of the target computes it, and does what the source's module for it does",
    "relearned elsewhere": "a module of the target computes it, but no match of the source's",
    "distributed": "no module of the target computes it alone, but several together do",
    "absent": "no module of the target computes it, nor any union of them that was tried",
}


def print_reuse(analysis: ReuseAnalysis, folder: Path | None = None) -> None:
    """Print the verdict on each function, the matched modules, and what each module carries."""
    out = console()
    subtasks = analysis.subtasks
    n_reused = [x.verdict for x in subtasks.subtasks].count("reused")
    out.print(
        f"\nDegree of sub-task reuse [bold]{subtasks.degree:.2f}[/bold]: "
        f"{n_reused} of {counted(len(subtasks.subtasks), 'function')}"
    )
    if analysis.unrelated:
        out.print(
            f"By chance {subtasks.chance:.2f}, from {counted(len(analysis.unrelated), 'net')} of "
            f"unrelated tasks; corrected for it {_number(subtasks.corrected)}"
        )
    for name, net in (("source", analysis.source), ("target", analysis.target)):
        if net.accuracy < 1:
            out.print(
                f"[yellow]The {name} answers {net.accuracy:.2%} of its task right: what it gets "
                "wrong counts against every function.[/yellow]"
            )
    out.print()
    out.print(_functions(analysis))
    for verdict in dict.fromkeys(x.verdict for x in subtasks.subtasks):
        out.print(f"[dim]{verdict}: {_MEANING[verdict]}[/dim]")
    least_iia, least_similarity, level = subtasks.thresholds
    out.print(
        f"[dim]computes: interchange ≥ {least_iia:g}, and its lesion hurts what uses the function "
        f"(p < {level:g}); match: similarity ≥ {least_similarity:g}, q ≤ {level:g}[/dim]"
    )
    for note in subtasks.notes:
        out.print(f"[yellow]{literal(note)}[/yellow]")
    out.print("\nModules matched by what they do on all inputs")
    out.print(_matching(analysis))
    for name, net in (("source", analysis.source), ("target", analysis.target)):
        out.print(
            f"\nThe {name}: {counted(net.graph.n_units, 'unit')}, "
            f"{counted(net.graph.n_edges, 'edge')}, {counted(net.modules.n_modules, 'module')} of "
            f"hidden units ({analysis.about['detector']})"
        )
        out.print(_modules(net))
    out.print(
        "[dim]interchange: how often exchanging the module's state has the effect of exchanging "
        "the function\n"
        f"needed by: outputs that lose accuracy without the module; * q < {_LEVEL:g}[/dim]"
    )
    if analysis.start is not None:
        _print_start(analysis.start)
    if folder is not None:
        written(folder, f"\nTables, figures and summary.json are in [bold]{literal(folder)}[/bold]")


def _functions(analysis: ReuseAnalysis) -> Table:
    titles = ("function", "verdict", "modules", "interchange", "similarity", "q")
    table = plain_table(*titles, n_texts=3)
    for common, x in zip(analysis.functions, analysis.subtasks.subtasks, strict=True):
        lines = ", ".join(common.target)
        table.add_row(
            literal(x.function if lines in ("", x.function) else f"{x.function} = {lines}"),
            x.verdict + (f", {x.multiplicity} copies" if x.multiplicity > 1 else ""),
            f"{_module(x.source)} → {_module(x.target)}",
            _number(x.iia),
            _number(x.similarity),
            _p(x.q),
        )
    return table


def _matching(analysis: ReuseAnalysis) -> Table:
    titles = ("modules", "units", "similarity", "by chance", "p", "q")
    table = plain_table(*titles, n_texts=2)
    sizes = analysis.matching.sizes
    for x in analysis.matching.pairs:
        table.add_row(
            f"{x.source} → {x.target}",
            f"{sizes[0][x.source]:,} and {sizes[1][x.target]:,}",
            _number(x.similarity),
            _number(x.chance),
            _p(x.p),
            _p(x.q),
        )
    return table


def _modules(net: NetReport) -> Table:
    """The function of largest interchange accuracy, and the outputs that need each module."""
    titles = ("module", "best function", "needed by", "units", "interchange", "p")
    table = plain_table(*titles, n_texts=3)
    found, lost = net.interchange, net.lesions
    kind = lost.kinds.index("resample")
    for module, size in enumerate(found.sizes.tolist()):
        best = net.best_function(module)
        needed = [
            f"{literal(name)}{'*' if lost.q[kind, module, output] < _LEVEL else ''}"
            for output, name in enumerate(lost.outputs)
            if lost.drop[kind, module, output] > 1e-9
        ]
        table.add_row(
            str(module),
            "none" if best is None else literal(found.functions[best]),
            " ".join(needed) or "none",
            f"{size:,}",
            "" if best is None else _number(float(found.accuracy[module, best])),
            "" if best is None else _p(float(found.p[module, best])),
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
    return "–" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2g}"
