"""Roll-outs of cart and pole in compiled loops, many side by side.

A lane is one roll-out. The net is evaluated for all lanes in one pass, so that its loops are SIMD;
lanes that have failed are left out as soon as they are the greater part.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, inlined
from netsculpt.training.search.engine.sweep import sweep, sweep_weighted

__all__ = ["N_OBSERVED", "shared_totals", "weighted_totals"]

N_OBSERVED = 5  # position, velocity, cosine and sine of the angle, angular velocity

_MOST_LANES = 128  # at once
_REGISTER = 8  # float32 in an AVX register: the width of rows is a multiple of it

_GRAVITY = 9.82  # m / s²
_CART = 0.5  # kg
_POLE = 0.5  # kg
_LENGTH = 0.6  # of the pole, m
_FRICTION = 0.1  # between cart and track, N s / m
_FORCE = 10.0  # the largest, N
_TIME_STEP = 0.01  # s
_END = 2.4  # of the track on each side, m
_BOTH = _CART + _POLE

_X, _SPEED, _ANGLE, _SPIN, _COS, _SIN = range(6)  # rows of the state


@inlined
def _observe(state: Any, n: int, rows: Any) -> None:
    """Write what the net is shown of each lane into the rows of its inputs."""
    for lane in range(n):
        rows[1, lane] = state[_X, lane]
        rows[2, lane] = state[_SPEED, lane]
        rows[3, lane] = state[_COS, lane]
        rows[4, lane] = state[_SIN, lane]
        rows[5, lane] = state[_SPIN, lane]


@inlined
def _advance(state: Any, n: int, output: Any, lanes: Any, totals: Any) -> int:
    """Move every lane that runs by a step and add its reward; returns how many go on.

    ``lanes`` is the place in ``totals`` of each, −1 once it has failed. With θ = 0 for the upright
    pole, uniform, of length l and mass m on a cart of mass M, pushed by F, of friction b,
    D = 4(M + m) − 3m cos²θ:
    D ẍ = 4(F − bẋ) − 2ml θ̇² sin θ + 3mg sin θ cos θ and
    D l θ̈ = 6(F − bẋ) cos θ − 3ml θ̇² sin θ cos θ + 6(M + m)g sin θ, by Euler's explicit method.
    """
    n_running = 0
    for lane in range(n):
        place = lanes[lane]
        if place < 0:
            continue
        speed, spin = state[_SPEED, lane], state[_SPIN, lane]
        c, s = state[_COS, lane], state[_SIN, lane]
        force = min(1.0, max(-1.0, np.float64(output[lane]))) * _FORCE - _FRICTION * speed
        whirl = _POLE * _LENGTH * spin * spin * s
        inertia = 4 * _BOTH - 3 * _POLE * c * c
        faster = (4 * force - 2 * whirl + 3 * _POLE * _GRAVITY * s * c) / inertia
        turned = (6 * force * c - 3 * whirl * c + 6 * _BOTH * _GRAVITY * s) / (_LENGTH * inertia)
        x = state[_X, lane] + _TIME_STEP * speed
        angle = state[_ANGLE, lane] + _TIME_STEP * spin
        c, s = cos(angle), sin(angle)
        state[_X, lane], state[_ANGLE, lane] = x, angle
        state[_SPEED, lane], state[_SPIN, lane] = (
            speed + _TIME_STEP * faster,
            spin + _TIME_STEP * turned,
        )
        state[_COS, lane], state[_SIN, lane] = c, s
        totals[place] += (c + 1) / 2 * cos(pi / 2 / _END * x)
        if abs(x) < _END:
            n_running += 1
        else:
            lanes[lane] = -1
    return n_running


@inlined
def _begin(starts: Any, n_starts: int, begin: int, n: int, state: Any, lanes: Any) -> None:
    """Put the roll-outs from `begin` on into the lanes; starts [R, 4] are x, ẋ, θ, θ̇."""
    for lane in range(n):
        start = starts[(begin + lane) % n_starts]
        for row in range(4):
            state[row, lane] = start[row]
        state[_COS, lane], state[_SIN, lane] = cos(start[_ANGLE]), sin(start[_ANGLE])
        lanes[lane] = begin + lane


@inlined
def _compact(n: int, state: Any, scale: Any, lanes: Any) -> int:
    """Move the lanes that run to the front; returns how many there are."""
    kept = 0
    for lane in range(n):
        if lanes[lane] >= 0:
            for row in range(6):
                state[row, kept] = state[row, lane]
            scale[kept], lanes[kept] = scale[lane], lanes[lane]
            kept += 1
    return kept


@inlined
def _rows(memory: Any, n_units: int, n_inputs: int, n: int) -> Any:
    """Rows of all units [U, columns] for n lanes, with the bias set and the rest 0."""
    width = (n + _REGISTER - 1) // _REGISTER * _REGISTER
    rows = memory[: n_units * width].reshape((n_units, width))
    rows[0] = np.float32(1)
    rows[1:n_inputs] = np.float32(0)
    return rows


@compiled
def _run(
    indptr: Any,
    sources: Any,
    activations: Any,
    edge_weights: Any,
    shared: bool,
    n_inputs: int,
    n_steps: int,
    n: int,
    state: Any,
    scale: Any,
    lanes: Any,
    memory: Any,
    totals: Any,
) -> None:
    """Run n lanes to their ends, with shared weights ``scale`` or one per edge."""
    n_units = activations.size
    ready, raw = np.zeros(n_units, np.bool_), np.empty((0, 0), np.float32)
    rows = _rows(memory, n_units, n_inputs, n)
    for _ in range(n_steps):
        _observe(state, n, rows)
        across = scale[: rows.shape[1]]
        if shared:
            sweep(indptr, sources, activations, n_inputs, across, ready, raw, rows)
        else:
            sweep_weighted(indptr, sources, activations, n_inputs, edge_weights, across, rows)
        n_running = _advance(state, n, rows[n_units - 1], lanes, totals)
        if n_running == 0:
            break
        if n > _REGISTER and 2 * n_running <= n:
            n = _compact(n, state, scale, lanes)
            rows = _rows(memory, n_units, n_inputs, n)


@compiled
def shared_totals(
    unit_starts: Any,
    edge_starts: Any,
    indptr: Any,
    sources: Any,
    activations: Any,
    most_units: int,
    n_inputs: int,
    weights: Any,
    starts: Any,
    n_steps: int,
    begin: int,
    totals: Any,
) -> None:
    """Fill ``totals`` [p, W R] for the topologies from `begin` on; starts [R, 4] are shared."""
    n_starts = len(starts)
    n_lanes = weights.size * n_starts
    state, lanes = np.empty((6, _MOST_LANES)), np.empty(_MOST_LANES, np.int64)
    scale, memory = (
        np.empty(_MOST_LANES, np.float32),
        np.empty(most_units * _MOST_LANES, np.float32),
    )
    no_weights = np.empty(0, np.float32)
    for index in range(len(totals)):
        p = begin + index
        first, stop = unit_starts[p], unit_starts[p + 1]
        totals[index] = 0.0
        for lane in range(0, n_lanes, _MOST_LANES):
            n = min(_MOST_LANES, n_lanes - lane)
            _begin(starts, n_starts, lane, n, state, lanes)
            scale[:] = np.float32(0)
            for k in range(n):
                scale[k] = weights[(lane + k) // n_starts]
            _run(
                indptr[first + p : stop + p + 1],
                sources[edge_starts[p] : edge_starts[p + 1]],
                activations[first:stop],
                no_weights,
                True,
                n_inputs,
                n_steps,
                n,
                state,
                scale,
                lanes,
                memory,
                totals[index],
            )


@compiled
def weighted_totals(
    indptr: Any,
    sources: Any,
    activations: Any,
    n_inputs: int,
    weights: Any,
    starts: Any,
    n_steps: int,
    totals: Any,
) -> None:
    """Fill ``totals`` [W, R] of one topology with weights [W, E]."""
    state, lanes = np.empty((6, _MOST_LANES)), np.empty(_MOST_LANES, np.int64)
    ones = np.ones(_MOST_LANES, np.float32)
    memory = np.empty(activations.size * _MOST_LANES, np.float32)
    totals[:] = 0.0
    for w in range(len(weights)):
        for lane in range(0, len(starts), _MOST_LANES):
            n = min(_MOST_LANES, len(starts) - lane)
            _begin(starts, len(starts), lane, n, state, lanes)
            _run(
                indptr,
                sources,
                activations,
                weights[w],
                False,
                n_inputs,
                n_steps,
                n,
                state,
                ones,
                lanes,
                memory,
                totals[w],
            )
