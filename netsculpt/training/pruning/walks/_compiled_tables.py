"""Tables for walks, made in compiled code: sums of kernels, and where each unit leads."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, grouped

__all__ = ["kernel_sums", "runs", "settle", "sorted_branches"]


@compiled
def kernel_sums(
    strength: Any,
    weights: Any,
    which: Any,
    sums: Any,
    of_rows: Any,
    of_columns: Any,
) -> bool:
    """Fill in the sum of each kernel of some weights, and the highest of each row and column.

    False if strengths are not finite, or negative.
    """
    for at in which:
        entry, n_out, width, taps, groups, first, row, column = weights[at]
        stop = entry + n_out * width * taps
        kernels = strength[entry:stop].reshape(n_out, width, taps)
        own_sums = sums[first : first + n_out * width].reshape(n_out, width)
        of_columns[column : column + groups * width] = 0
        for at_row in range(n_out):
            group = column + at_row // (n_out // groups) * width
            own, own_sum, of_column = kernels[at_row], own_sums[at_row], of_columns[group:]
            negative, highest, total = False, 0.0, 0.0
            for place in range(width):
                added = 0.0
                for tap in range(taps):
                    added += own[place, tap]
                    negative |= own[place, tap] < 0
                own_sum[place] = added
                rounded = np.float64(own_sum[place])
                total += rounded
                highest = max(highest, rounded)
                of_column[place] = max(of_column[place], rounded)
            of_rows[row + at_row] = highest
            if negative or not np.isfinite(total):
                return False
    return True


@compiled
def runs(feeds: Any, weights: Any, of_rows: Any, of_columns: Any) -> tuple[Any, Any, Any, Any]:
    """Rows and columns of each feed: what darts are thrown at.

    [runs, 6] first kernel and from one to the next, how many; entry of kernel 0, taps; place in
    the list of units behind it of what its first kernel leads to. And the highest sum of each.
    """
    n_rows, n_columns = 0, 0
    for feed in feeds:
        n_rows += weights[feed, 1]
        n_columns += weights[feed, 4] * weights[feed, 2]
    rows, columns = np.empty((n_rows, 6), np.int64), np.empty((n_columns, 6), np.int64)
    row_bounds, column_bounds = np.empty(n_rows), np.empty(n_columns)
    row, column = 0, 0
    for feed in feeds:
        entry, n_out, width, taps, groups, kernel, first_row, first_column = weights[feed]
        entry -= kernel * taps
        rows_of_one = n_out // groups
        begun_row, begun_column = row, column
        for at in range(n_out):
            leads_to = begun_column + at // rows_of_one * width
            rows[row] = kernel + at * width, 1, width, entry, taps, leads_to
            row_bounds[row] = of_rows[first_row + at]
            row += 1
        for at in range(groups * width):
            group = at // width
            first = kernel + group * (rows_of_one - 1) * width + at
            leads_to = begun_row + group * rows_of_one
            columns[column] = first, width, rows_of_one, entry, taps, leads_to
            column_bounds[column] = of_columns[first_column + at]
            column += 1
    return rows, row_bounds, columns, column_bounds


@compiled
def sorted_branches(unit: Any, way: Any, spot: Any, n_units: int) -> tuple[Any, Any, Any]:
    """First branch of each unit, first spot of each branch, spots.

    Ways of a unit come one after the other, as they are given; those alike are a branch.
    """
    first, order = grouped(unit, n_units)
    of_unit, of_branch = np.empty(n_units + 1, np.int64), np.empty(unit.size + 1, np.int64)
    n = 0
    for one in range(n_units):
        of_unit[one] = n
        for at in range(first[one], first[one + 1]):
            if at == first[one] or way[order[at]] != way[order[at - 1]]:
                of_branch[n] = at
                n += 1
    of_unit[n_units], of_branch[n] = n, unit.size
    return of_unit, of_branch[: n + 1], spot[order]


@compiled
def settle(units: Any, of_unit: Any, of_branch: Any, spots: Any) -> None:
    """Go from each to where a walk chooses again: along wires that are all there is."""
    for at in range(units.size):
        unit = units[at]
        while of_unit[unit] + 1 == of_unit[unit + 1]:
            first = of_branch[of_unit[unit]]
            if first + 1 < of_branch[of_unit[unit] + 1] or spots[first] >= 0:
                break
            unit = ~spots[first]
        units[at] = unit
