"""Tables for walks in compiled code: sums of kernels, and where each unit leads."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, grouped

__all__ = ["follow_wires", "kernel_sums", "runs", "sorted_branches"]


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

    Returns False if a strength is negative or not finite.
    """
    for index in which:
        entry, n_out, width, taps, groups, first, row, column = weights[index]
        stop = entry + n_out * width * taps
        kernels = strength[entry:stop].reshape(n_out, width, taps)
        sums_of_weight = sums[first : first + n_out * width].reshape(n_out, width)
        of_columns[column : column + groups * width] = 0
        for out in range(n_out):
            group = column + out // (n_out // groups) * width
            row_kernels, sums_of_row = kernels[out], sums_of_weight[out]
            of_column = of_columns[group:]
            negative, highest, total = False, 0.0, 0.0
            for place in range(width):
                added = 0.0
                for tap in range(taps):
                    added += row_kernels[place, tap]
                    negative |= row_kernels[place, tap] < 0
                sums_of_row[place] = added
                rounded = np.float64(sums_of_row[place])
                total += rounded
                highest = max(highest, rounded)
                of_column[place] = max(of_column[place], rounded)
            of_rows[row + out] = highest
            if negative or not np.isfinite(total):
                return False
    return True


@compiled
def runs(numbers: Any, weights: Any, of_rows: Any, of_columns: Any) -> tuple[Any, Any, Any, Any]:
    """Rows and columns of the weight of each connection, from which kernels are drawn.

    [runs, 6] first kernel, step to the next, how many; entry of kernel 0, taps; place, in the list
    of units on the other side, that the first kernel leads to. And the highest sum of each run.
    """
    n_rows, n_columns = 0, 0
    for number in numbers:
        n_rows += weights[number, 1]
        n_columns += weights[number, 4] * weights[number, 2]
    rows, columns = np.empty((n_rows, 6), np.int64), np.empty((n_columns, 6), np.int64)
    row_bounds, column_bounds = np.empty(n_rows), np.empty(n_columns)
    row, column = 0, 0
    for number in numbers:
        entry, n_out, width, taps, groups, kernel, first_row, first_column = weights[number]
        entry -= kernel * taps
        rows_of_one = n_out // groups
        begun_row, begun_column = row, column
        for out in range(n_out):
            leads_to = begun_column + out // rows_of_one * width
            rows[row] = kernel + out * width, 1, width, entry, taps, leads_to
            row_bounds[row] = of_rows[first_row + out]
            row += 1
        for index in range(groups * width):
            group = index // width
            first = kernel + group * (rows_of_one - 1) * width + index
            leads_to = begun_row + group * rows_of_one
            columns[column] = first, width, rows_of_one, entry, taps, leads_to
            column_bounds[column] = of_columns[first_column + index]
            column += 1
    return rows, row_bounds, columns, column_bounds


@compiled
def sorted_branches(unit: Any, branch: Any, choice: Any, n_units: int) -> tuple[Any, Any, Any]:
    """First branch of each unit, first choice of each branch, choices.

    Choices of a unit stay in order; neighbours with the same branch belong together.
    """
    first, order = grouped(unit, n_units)
    of_unit, of_branch = np.empty(n_units + 1, np.int64), np.empty(unit.size + 1, np.int64)
    n = 0
    for one in range(n_units):
        of_unit[one] = n
        for place in range(first[one], first[one + 1]):
            if place == first[one] or branch[order[place]] != branch[order[place - 1]]:
                of_branch[n] = place
                n += 1
    of_unit[n_units], of_branch[n] = n, unit.size
    return of_unit, of_branch[: n + 1], choice[order]


@compiled
def follow_wires(units: Any, of_unit: Any, of_branch: Any, choices: Any) -> None:
    """Replace each unit by the next one with a choice, along wires without alternative."""
    for index in range(units.size):
        unit = units[index]
        while of_unit[unit] + 1 == of_unit[unit + 1]:
            first = of_branch[of_unit[unit]]
            if first + 1 < of_branch[of_unit[unit] + 1] or choices[first] >= 0:
                break
            unit = ~choices[first]
        units[index] = unit
