"""Sinkhorn's sweeps and Newton's steps in compiled code: see `netsculpt.graph.balancing`.

In loops over numbers: expressions of whole arrays would take three times as long to compile.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled, grouped, put

__all__ = ["balance_every_group"]

MOST_POWER = 8.0  # of weights whose dispersion is raised; the least is its inverse

_TOLERANCE = 1e-13  # of strengths, relative to the degree: where sweeps end
_ACCEPTED = 1e-8  # what rounding may leave of it, where edges differ by many orders
_COARSE = 1e-5  # while a power is sought
_CLOSE = 1e-6  # of a dispersion, relative: where the search for its power ends
_SWEEPS = 12  # before Newton's steps, and while these are not yet needed
_LARGEST_STEP = 2.0  # of Newton's, in logarithms: further off, the first order says little
_STEPS = 400  # of either kind
_SINGULAR = 1e-14  # of a direction's curvature, relative to that of its units alone
_LN2 = np.log(2.0)


class Support(NamedTuple):
    """The edges of a group, with rows and columns numbered from 0."""

    rows: Any  # [e]
    columns: Any  # [e]
    row_degrees: Any  # [rows] float64
    column_degrees: Any  # [columns] float64


@compiled
def balance_every_group(
    magnitudes: Any, sources: Any, targets: Any, groups: Any, dispersions: Any, n_units: int
) -> tuple[Any, Any, Any]:
    """Balanced weights [E]; power of each group, and error of its strengths where too large."""
    n_groups = dispersions.size
    result, powers = np.zeros(magnitudes.size), np.empty(n_groups)
    errors, number = np.zeros(n_groups), np.empty(n_units, np.int64)
    for unit in range(n_units):
        number[unit] = -1
    first, order = grouped(groups, n_groups)
    for group in range(n_groups):
        powers[group] = 1.0
        edges, given = _carrying(magnitudes, order, first[group], first[group + 1])
        if edges.size == 0:
            continue
        rows, row_degrees = _numbered(sources, edges, number)
        columns, column_degrees = _numbered(targets, edges, number)
        support = Support(rows, columns, row_degrees, column_degrees)
        values = _within_range(support, _reduced_logs(support, given))
        accepted = _ACCEPTED
        if np.isnan(dispersions[group]):
            error = _balance(support, values, _TOLERANCE)
        else:
            values, powers[group], error = _dispersed(support, values, dispersions[group])
            accepted = 10.0 * _COARSE  # a draw may be further off than the network
        if error > accepted:
            if _error(support, given) <= 10.0 * _COARSE:  # a draw, balanced before
                put(given, values)
            else:
                errors[group] = error
        for index in range(edges.size):
            result[edges[index]] = values[index]
    return result, powers, errors


@compiled
def _carrying(magnitudes: Any, order: Any, start: int, stop: int) -> tuple[Any, Any]:
    """The edges in this part of the order that weigh something [e], and their magnitudes [e]."""
    edges, given, n = np.empty(stop - start, np.int64), np.empty(stop - start), 0
    for index in range(start, stop):
        if magnitudes[order[index]] > 0:
            edges[n], given[n] = order[index], magnitudes[order[index]]
            n += 1
    return edges[:n], given[:n]


@compiled
def _numbered(ends: Any, edges: Any, number: Any) -> tuple[Any, Any]:
    """Ends of the edges as 0, 1, … in order of appearance, and their degrees.

    `number` is −1 before and after.
    """
    numbered, degrees = np.empty(edges.size, np.int64), np.zeros(edges.size)
    n = 0
    for index in range(edges.size):
        unit = ends[edges[index]]
        if number[unit] < 0:
            number[unit] = n
            n += 1
        numbered[index] = number[unit]
        degrees[number[unit]] += 1
    for edge in edges:
        number[ends[edge]] = -1
    return numbered, degrees[:n]


@compiled
def _reduced_logs(support: Support, magnitudes: Any) -> Any:
    """Logarithms [e] of the magnitudes times a power of 2 per unit that no such power changes.

    The exponents become 0 on a spanning forest, whose shape depends on the support alone.
    """
    n_rows, n_columns = support.row_degrees.size, support.column_degrees.size
    mantissas = np.empty(magnitudes.size)
    exponents = np.empty(magnitudes.size, np.int64)
    for edge in range(magnitudes.size):
        mantissas[edge], exponents[edge] = math.frexp(magnitudes[edge])
    of_row = np.zeros(n_rows, np.int64)
    of_column = np.zeros(n_columns, np.int64)
    row_first, by_row = grouped(support.rows, n_rows)
    column_first, by_column = grouped(support.columns, n_columns)
    seen = np.zeros(n_rows + n_columns, np.uint8)
    queue = np.empty(n_rows + n_columns, np.int64)
    for root in range(n_rows):
        if seen[root]:
            continue
        seen[root], queue[0], head, tail = 1, root, 0, 1
        while head < tail:
            node = queue[head]
            head += 1
            if node < n_rows:
                for index in range(row_first[node], row_first[node + 1]):
                    edge = by_row[index]
                    column = support.columns[edge]
                    if not seen[n_rows + column]:
                        seen[n_rows + column] = 1
                        of_column[column] = -exponents[edge] - of_row[node]
                        queue[tail] = n_rows + column
                        tail += 1
            else:
                here = node - n_rows
                for index in range(column_first[here], column_first[here + 1]):
                    edge = by_column[index]
                    row = support.rows[edge]
                    if not seen[row]:
                        seen[row] = 1
                        of_row[row] = -exponents[edge] - of_column[here]
                        queue[tail] = row
                        tail += 1
    logs = np.empty(magnitudes.size)
    for edge in range(magnitudes.size):
        exponent = exponents[edge] + of_row[support.rows[edge]] + of_column[support.columns[edge]]
        logs[edge] = math.log(mantissas[edge]) + exponent * _LN2
    return logs


@compiled
def _within_range(support: Support, logs: Any) -> Any:
    """Numbers [e] with these logarithms after scaling units: at most 1, and 1 once in each row.

    And once in each column: subtracting the largest logarithm of a column lowers no other.
    """
    for ends, n in (
        (support.rows, support.row_degrees.size),
        (support.columns, support.column_degrees.size),
    ):
        largest = np.empty(n)
        for end in range(n):
            largest[end] = -np.inf
        for edge in range(logs.size):
            largest[ends[edge]] = max(largest[ends[edge]], logs[edge])
        for edge in range(logs.size):
            logs[edge] -= largest[ends[edge]]
    for edge in range(logs.size):
        logs[edge] = math.exp(logs[edge])
    return logs


@compiled
def _balance(support: Support, values: Any, tolerance: float) -> float:
    """Balance values [e] in place; the largest relative error of a strength, infinite if one is 0.

    Ends at the tolerance, or where rounding keeps it from falling.
    """
    rows, columns, row_degrees, column_degrees = support
    for edge in range(values.size):
        if values[edge] == 0.0:  # too small for float64: no factor could bring it back
            return np.inf
    factors, of_columns = np.empty(row_degrees.size), np.empty(column_degrees.size)
    error, last_error, sweeps, patience, newton = np.inf, np.inf, 0, _SWEEPS, False
    best, least = values.copy(), np.inf
    sums = _sums(columns, values, column_degrees.size)
    for _ in range(_STEPS):
        for column in range(sums.size):
            of_columns[column] = column_degrees[column] / sums[column]
        strengths = np.zeros(row_degrees.size)
        row, strength = 0, 0.0
        for edge in range(values.size):  # of one row mostly: its strength stays in a register
            if rows[edge] != row:
                strengths[row] = strength
                row = rows[edge]
                strength = strengths[row]
            values[edge] *= of_columns[columns[edge]]
            strength += values[edge]
        strengths[row] = strength
        error = _furthest(strengths, row_degrees)
        if error < least:
            put(values, best)
            least = error
        if error <= tolerance or (error <= 1e-12 and error > 0.5 * last_error):
            break
        if newton and error > 2.0 * last_error:
            sweeps, patience = 0, 2 * patience
        newton = sweeps >= patience and error > 0.1 * last_error
        if newton:
            steps = _newton_step(support, values, strengths, min(0.1, error))
            for row in range(steps.size):
                largest = math.copysign(_LARGEST_STEP, steps[row])
                factors[row] = math.exp(largest if abs(steps[row]) > _LARGEST_STEP else steps[row])
        else:
            for row in range(strengths.size):
                factors[row] = row_degrees[row] / strengths[row]
            sweeps += 1
        last_error = error
        sums = np.zeros(column_degrees.size)
        for edge in range(values.size):
            values[edge] *= factors[rows[edge]]
            sums[columns[edge]] += values[edge]
    put(best, values)  # not what a last step that went astray left
    return float(least)


@compiled
def _error(support: Support, values: Any) -> float:
    """The largest relative error of a strength."""
    of_rows = _sums(support.rows, values, support.row_degrees.size)
    of_columns = _sums(support.columns, values, support.column_degrees.size)
    in_rows = _furthest(of_rows, support.row_degrees)
    return max(in_rows, _furthest(of_columns, support.column_degrees))


@compiled
def _furthest(strengths: Any, degrees: Any) -> float:
    """The largest relative difference of strengths from degrees; NaN if one is."""
    furthest = 0.0
    for unit in range(degrees.size):
        error = abs(strengths[unit] / degrees[unit] - 1.0)
        if error > furthest:
            furthest = error
        elif math.isnan(error):
            return np.nan
    return furthest


@compiled
def _sums(ends: Any, values: Any, n: int) -> Any:
    """Sum of the values at each end [n]."""
    sums = np.zeros(n)
    for edge in range(values.size):
        sums[ends[edge]] += values[edge]
    return sums


@compiled
def _newton_step(support: Support, values: Any, strengths: Any, accuracy: float) -> Any:
    """Logarithms [rows] of factors that would balance the rows if columns follow, to first order.

    Solves (S − X C⁻¹ Xᵀ) step = degrees − strengths, with S the rows' strengths and C the columns'
    degrees, by conjugate gradients preconditioned by the diagonal: it is tiny in a row whose
    columns hold next to nothing else.
    """
    rows, columns, row_degrees, column_degrees = support
    diagonal = np.zeros(row_degrees.size)
    for edge in range(values.size):
        column = column_degrees[columns[edge]]
        diagonal[rows[edge]] += values[edge] * max(column - values[edge], 0.0) / column
    inverse = np.zeros(row_degrees.size)
    for row in range(row_degrees.size):
        if diagonal[row] > 0.0:  # the only row of its columns is balanced as they are
            inverse[row] = 1.0 / diagonal[row]
    n_rows = row_degrees.size
    step, residual, scaled = np.zeros(n_rows), np.empty(n_rows), np.empty(n_rows)
    direction, size = np.empty(n_rows), 0.0
    for row in range(n_rows):
        residual[row] = row_degrees[row] - strengths[row]
        direction[row] = residual[row] * inverse[row]
        size += residual[row] * direction[row]
    least = size * accuracy**2
    for _ in range(2 * n_rows + 20):
        image = np.zeros(column_degrees.size)
        for edge in range(values.size):
            image[columns[edge]] += values[edge] * direction[rows[edge]]
        for column in range(image.size):
            image[column] /= column_degrees[column]
        change = np.zeros(n_rows)
        for edge in range(values.size):
            difference = direction[rows[edge]] - image[columns[edge]]
            change[rows[edge]] += values[edge] * difference
        curvature = alone = 0.0
        for row in range(n_rows):
            curvature += direction[row] * change[row]
            alone += diagonal[row] * (direction[row] * direction[row])
        # The matrix is singular: what rounding leaves of the residual has no solution.
        if curvature <= _SINGULAR * alone:
            break
        length = size / curvature
        last_size, size = size, 0.0
        for row in range(n_rows):
            step[row] += length * direction[row]
            residual[row] -= length * change[row]
            scaled[row] = residual[row] * inverse[row]
            size += residual[row] * scaled[row]
        if size <= least:
            break
        for row in range(n_rows):
            direction[row] = scaled[row] + size / last_size * direction[row]
    return step


@compiled
def _dispersed(support: Support, values: Any, dispersion: float) -> tuple[Any, float, float]:
    """Balanced power of the values with this dispersion or the closest, the power, the error.

    Secants of log dispersion against log power, where it is nearly a line, inside a bracket.
    """
    end = math.log(MOST_POWER)
    low, high, here = -end, end, 0.0
    given = values.copy()
    error = _balance(support, values, _TOLERANCE)
    while error > _COARSE and here > low:  # too far apart for float64
        high, here = here, max(here - _LN2, low)
        values = _raised(given, here)
        error = _balance(support, values, _TOLERANCE)
    spread = _dispersion(values)
    if error > _COARSE or spread < _CLOSE or dispersion < _CLOSE:
        return values, math.exp(here), error  # no power changes weights that are all 1
    excess = math.log(spread / dispersion)
    best, best_at, least = values, here, abs(excess)
    slope = 1.0
    for trial in range(60):
        if excess > 0.0:
            high = min(high, here)
        else:
            low = max(low, here)
        if least < _CLOSE or high - low < _CLOSE:
            break
        goal = here - excess / slope
        if trial % 4 == 3 and low > -end and high < end:
            goal = 0.5 * (low + high)
        elif goal >= high:
            goal = end if high == end else 0.5 * (low + high)
        elif goal <= low:
            goal = -end if low == -end else 0.5 * (low + high)
        raised = _raised(values, goal - here)
        if _balance(support, raised, _COARSE) > _COARSE:  # too far apart for float64
            high = goal
            continue
        new_excess = math.log(max(_dispersion(raised), 1e-300) / dispersion)
        slope = (new_excess - excess) / (goal - here)
        if not slope > 0.0:
            slope = 1.0
        values, here, excess = raised, goal, new_excess
        if abs(excess) < least:
            best, best_at, least = values, here, abs(excess)
    if best_at != 0.0:
        error = _balance(support, best, _TOLERANCE)
    return best, math.exp(best_at), error


@compiled
def _raised(values: Any, power: float) -> Any:
    """The values [e] to a power that is given by its logarithm."""
    raised, power = np.empty(values.size), math.exp(power)
    for edge in range(values.size):
        raised[edge] = math.exp(power * math.log(values[edge]))
    return raised


@compiled
def _dispersion(values: Any) -> float:
    """Root of the mean square difference from 1, the mean of balanced weights."""
    total = 0.0
    for edge in range(values.size):
        total += (values[edge] - 1.0) * (values[edge] - 1.0)
    return math.sqrt(total / values.size)
