"""Comparisons of two networks, and of two groups, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import console, literal, plain_table, written
from netsculpt.report.terminal.analysis import print_page

if TYPE_CHECKING:
    from netsculpt.compare import GroupComparison
    from netsculpt.nulls import Significance
    from netsculpt.pipeline import NetworkComparison

__all__ = ["print_comparison", "print_groups", "print_tables_written"]

_MOST_UNITS = 5  # that gain most, and that lose most
_MOST_FEATURES = 20
_KINDS = {
    "same units": "at the same place",
    "paths": "matched by paths",
    "correlation": "matched by activations",
}


def print_comparison(
    compared: NetworkComparison, names: Sequence[str], output: Path | None
) -> None:
    """Print what became of units, edges, path shares, modules and links."""
    out = console()
    out.print(f"\n[bold]{literal(names[0])}[/bold] → [bold]{literal(names[1])}[/bold]")
    _print_units(compared)
    out.print()
    out.print(_edges(compared))
    _print_test("Jaccard index of all edges", compared.edge_test)
    out.print()
    out.print(_shares(compared))
    _print_modules(compared)
    print_tables_written(output)


def print_groups(compared: GroupComparison, output: Path | None) -> None:
    """Print whether two groups differ, and the features in which they do."""
    out = console()
    how = "all" if compared.is_exact else "random"
    out.print(
        f"\n{compared.n[0]:,} against {counted(compared.n[1], 'network')}: energy distance "
        f"[bold]{compared.energy:.3f}[/bold] in {counted(len(compared.features), 'feature')}, "
        f"p [bold]{compared.p:.2g}[/bold] ({compared.n_divisions:,} divisions, {how})"
    )
    significant = compared.significant()
    different = f"{counted(len(significant), 'feature')} differ{'s' * (len(significant) == 1)}"
    out.print(f"{different} (adjusted p ≤ 0.05)\n")
    if compared.least_p > 0.05:
        out.print(
            f"Groups of {compared.n[0]} and {compared.n[1]} cannot give a p below "
            f"{compared.least_p:.2g}, whether they differ or not; with four networks in each, "
            "0.029 is possible.\n"
        )
    if significant:
        titles = ("feature", "first", "second", "Hedges' g", "95 %", "adjusted p")
        table = plain_table(*titles, n_texts=1)
        for row in significant[:_MOST_FEATURES]:
            table.add_row(
                literal(row.feature),
                f"{row.mean_first:.4g}",
                f"{row.mean_second:.4g}",
                _number(row.g, "+.2f"),
                f"{_number(row.g_low, '+.2f')} … {_number(row.g_high, '+.2f')}",
                f"{row.adjusted_p:.2g}",
            )
        out.print(table)
        if len(significant) > _MOST_FEATURES:
            out.print(f"and {len(significant) - _MOST_FEATURES} more")
    for reason, left_out in groupby(sorted(compared.left_out.items(), key=_reason), _reason):
        named = ", ".join(name for name, _ in left_out)
        out.print(f"[dim]Not compared, {literal(reason)}: {literal(named)}[/dim]")
    print_tables_written(output)
    if output is not None:
        print_page(output / "report.html")


def _reason(left_out: tuple[str, str]) -> str:
    return left_out[1]


def print_tables_written(output: Path | None) -> None:
    """Say where tables and figures are."""
    if output is not None:
        written(output, f"\nTables, figures and manifest are in [bold]{literal(output)}[/bold]")


def _print_units(compared: NetworkComparison) -> None:
    matching = compared.matching
    counts = matching.summary()
    text = f"{counted(counts['n_matched'], 'unit')} {_KINDS[matching.kind]}"
    for which in ("first", "second"):
        n = counts[f"n_only_{which}"]
        text += f", {n:,} only in the {which}" if n else ""
    console().print(text)
    if math.isnan(matching.mean_cost):
        return
    console().print(
        f"Difference of matched units {matching.mean_cost:.3f} (0 = the same … 1); of units at the "
        f"same place {_number(matching.same_cost, '.3f')}, of random ones {matching.chance:.3f} ± "
        f"{matching.chance_sd:.3f}"
    )


def _edges(compared: NetworkComparison) -> Table:
    titles = ("edges", "kept", "new", "lost", "Jaccard", "chance", "corrected", "change")
    table = plain_table(*titles, "sign flips", n_texts=1)
    for row in (compared.edges.total, *compared.edges.blocks, *compared.edges.modules):
        table.add_row(
            literal(row.where),
            *(f"{n:,}" for n in (row.n_kept, row.n_new, row.n_lost)),
            *(_number(x, ".3f") for x in (row.jaccard, row.chance, row.corrected)),
            _number(row.mean_change, ".3f"),
            _number(row.sign_flips, ".1%"),
        )
    return table


def _print_test(what: str, test: Significance | None) -> None:
    if test is None:
        console().print(
            f"{what}: not compared with chance (no null networks were asked for, or the second "
            "network has all edges that it can have)"
        )
        return
    bound = "≤ " if test.is_bound else ""  # more null networks could lower it
    console().print(
        f"{what}: {test.value:.3f}; of {counted(test.n, 'randomised network')} "
        f"{test.mean:.3f} ± {test.sd:.3f}, z {_number(test.z, '.1f')}, p {bound}{test.p:.2g}"
    )


def _shares(compared: NetworkComparison) -> Table | str:
    """The units whose path shares change most."""
    units = compared.units()
    units = units[units["path_share_change"] != 0]
    if not len(units):
        return "No unit has gained or lost a share of the paths."
    table = plain_table("unit", "partner", "path share", "then", "change", n_texts=2)
    rows = units.to_dict("records")
    if len(rows) > 2 * _MOST_UNITS:
        rows = [*rows[:_MOST_UNITS], *rows[-_MOST_UNITS:]]
    for row in rows:
        table.add_row(
            literal(row["name"]),
            literal(row["partner"]),
            f"{row['path_share']:.2%}",
            f"{row['path_share_second']:.2%}",
            f"{row['path_share_change']:+.2%}".replace("-", "−"),
        )
    return table


def _print_modules(compared: NetworkComparison) -> None:
    found = [each.detected[0] for each in (compared.first, compared.second)]
    numbers = " and ".join(f"{x.partition.n_modules} ({x.verdict})" for x in found)
    n_matched = len(compared.module_matching.significant())
    links = compared.links
    console().print(
        f"\nModules ({literal(found[0].key)}): {numbers}; AMI "
        f"{_number(compared.modules.ami, '.3f')}; {counted(n_matched, 'pair')} of modules alike by "
        "more than chance"
    )
    stable = [_number(x.stability, ".2f") for x in found if x.stability is not None]
    if stable:
        console().print(f"Stability over seeds: {', '.join(stable)}")
    _print_test("AMI", compared.module_test)
    console().print(
        f"Links between modules: {len(links.kept):,} kept, {len(links.new):,} new, "
        f"{len(links.lost):,} lost"
    )


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form).replace("-", "−")
