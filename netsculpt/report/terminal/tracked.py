"""A network followed over time, in the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt.report.terminal._style import console, literal, plain_table
from netsculpt.report.terminal.analysis import print_page
from netsculpt.report.terminal.compared import print_tables_written

if TYPE_CHECKING:
    from netsculpt.training.track import Track

__all__ = ["print_track"]


def print_track(track: Track, output: Path | None) -> None:
    """Print a row per step."""
    titles = ("step", "density", "live", "log₁₀ paths", "modules", "Q", "ΔQ", "z")
    table = plain_table(*titles, "before", "last", "rerun", n_texts=0)
    for point in track.points:
        table.add_row(
            f"{point.step:,}",
            f"{point.density:.2%}",
            _number(point.live_hidden, ".1%"),
            _number(point.log10_paths, ".2f"),
            f"{point.n_modules:,}",
            _number(point.quality, ".3f"),
            _number(point.delta, ".3f"),
            _number(point.z, ".1f"),
            *(_number(x, ".2f") for x in (point.ami_before, point.ami_last, point.ami_rerun)),
        )
    out = console()
    out.print(table)
    out.print(
        f"[dim]live: share of the hidden units. Modules of {literal(track.detector)} on "
        f"{track.form} weights; before, last, rerun: their agreement (AMI) with those of the step "
        "before, of the last step, and of a second run on the same network. Modules of one unit "
        "count, as in 'analyze', but have no lasting number: in modules.csv, −1 is a unit without "
        "a module, or alone in one.[/dim]"
    )
    print_tables_written(output)
    if output is not None:
        print_page(output / "report.html")


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return ""
    return format(value, form).replace("-", "−").replace("inf", "∞")
