"""Training of multi-layer perceptrons on bits in compiled code, one replica after the other.

The training of a net fits in the cache and needs no calls from Python. Only kept edges are
visited, so that the cost of a step falls as the net is pruned. The result of a replica is the same,
to the bit, whatever other replicas are trained with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.compiled import compiled, compiled_sums, put
from netsculpt.core.parallel import in_threads
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Bits, Task

__all__ = ["suits", "train"]

_DRAWN = 1 << 24  # random numbers that a thread keeps at a time
_PRODUCT = 1e150  # far from overflow


def suits(replicas: Replicas, task: Task, recipe: Recipe) -> bool:
    """Whether `train` supports these replicas, this task and this recipe."""
    return (
        isinstance(task.goal, Bits)
        and replicas.spec.activation == "relu"
        and replicas.device.type == "cpu"
        and _n_drawn(task, recipe) <= _DRAWN
    )


def train(
    replicas: Replicas,
    task: Task,
    recipe: Recipe,
    rngs: Sequence[np.random.Generator],
    free: Mapping[str, Tensor],
    *,
    latest: bool,
) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, Tensor]:
    """Parameters, accuracy [R] and loss [R] of the best epochs, computed by torch's threads.

    And whether a loss was not finite after any epoch, bool [R], and the accuracy after each epoch
    [R, epochs]. Entries outside of `free` do not learn.
    """
    names = [*replicas.weights, *(x.replace(".weight", ".bias") for x in replicas.weights)]
    like = [replicas.parameters[name] for name in names]
    values = torch.cat([x.flatten(1) for x in like], dim=1)
    kept, learns = (
        torch.cat([masks[name].flatten(1) for name in names], dim=1).numpy()
        for masks in (replicas.masks, free)
    )
    accuracy = torch.empty(len(rngs), dtype=torch.float64)
    loss = torch.empty(len(rngs))
    diverged = torch.zeros(len(rngs), dtype=torch.bool)
    history = torch.empty(len(rngs), recipe.epochs, dtype=torch.float64)
    ends, samples, validation = _ends(replicas.spec.widths), _arrays(task), _arrays(task.validation)
    rates = recipe.learning_rate, recipe.weight_decay, recipe.noise, *recipe.betas

    def train_rows(rows: NDArray[np.intp]) -> None:
        part = slice(rows[0], rows[-1] + 1)
        shape = rows.size, recipe.epochs, task.n_samples, task.n_inputs + 1
        numbers = np.empty(shape, dtype=np.float32)
        for rng, out in zip(rngs[part], numbers, strict=True):
            rng.standard_normal(out=out, dtype=np.float32)
        order = np.argsort(numbers[..., task.n_inputs], axis=-1, kind="stable")
        best = values.numpy()[part], accuracy.numpy()[part]
        losses = loss.numpy()[part], diverged.numpy()[part], history.numpy()[part]
        data = ends, samples, validation, numbers, order
        _train(*best, *losses, kept[part], learns[part], *data, recipe.batch_size, rates, latest)

    n_threads = min(torch.get_num_threads(), len(rngs))
    n_parts = max(n_threads, len(rngs) * _n_drawn(task, recipe) // _DRAWN + 1)
    parts = np.array_split(np.arange(len(rngs)), min(n_parts, len(rngs)))
    list(in_threads(train_rows, parts, n_threads))
    pieces = torch.split(values, [x[0].numel() for x in like], dim=1)
    best = {name: x.reshape(y.shape) for name, x, y in zip(names, pieces, like, strict=True)}
    return {name: best[name] for name in replicas.parameters}, accuracy, loss, diverged, history


def _n_drawn(task: Task, recipe: Recipe) -> int:
    """Random numbers that the training of one replica needs."""
    return recipe.epochs * task.n_samples * (task.n_inputs + 1)


def _arrays(task: Task) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return task.inputs.contiguous().numpy(), task.targets.contiguous().numpy()


def _ends(widths: Sequence[int]) -> NDArray[np.int64]:
    """Units [2, n_weights] that each weight joins, inputs numbered first; grouped by target."""
    ends, first = [], 0
    for n_sources, n_targets in pairwise(widths):
        target, source = np.divmod(np.arange(n_sources * n_targets), n_sources)
        ends.append(np.stack([first + source, first + n_sources + target]))
        first += n_sources
    return np.concatenate(ends, axis=1)


class _Live(NamedTuple):
    """Remaining units and edges, renumbered with inputs first and outputs last."""

    source: Any  # [edges] unit; edges are grouped by their target
    start: Any  # [units + 1] first edge into each unit
    n_inputs: int
    first_output: int
    place: Any  # [edges + units − inputs] index of weights and biases among all parameters
    free: Any  # same shape: 1, or 0 for what does not learn


@compiled
def _train(
    values: Any,  # float32 [R, parameters]: all weights, then all biases; overwritten by the best
    accuracy: Any,  # float64 [R], output
    loss: Any,  # float32 [R], output
    diverged: Any,  # bool [R], output
    history: Any,  # float64 [R, epochs], output
    kept: Any,  # bool [R, parameters]
    learns: Any,  # same shape
    ends: Any,
    samples: Any,
    validation: Any,
    numbers: Any,  # float32 [R, epochs, n, n_inputs + 1]: noise, then keys that order the samples
    order: Any,  # int64 [R, epochs, n]: that order
    batch_size: int,
    rates: Any,
    latest: bool,  # of equally accurate epochs take the last, not that of lowest loss
) -> None:
    n_inputs, n_outputs = samples[0].shape[1], samples[1].shape[1]
    for r in range(values.shape[0]):
        net = _live(kept[r], learns[r], ends, n_inputs, n_outputs)
        w, own = np.empty(net.place.size, np.float32), values[r]
        for i in range(w.size):
            w[i] = own[net.place[i]]
        data = samples, validation, numbers[r], order[r]
        best, accuracy[r], loss[r], diverged[r] = _best_epoch(
            net, w, history[r], data, batch_size, rates, latest
        )
        for i in range(w.size):
            own[net.place[i]] = best[i]


@compiled
def _live(kept: Any, learns: Any, ends: Any, n_inputs: int, n_outputs: int) -> _Live:
    n_weights = ends.shape[1]
    n_units, n_edges = n_inputs + kept.size - n_weights, 0
    number, n_live = np.zeros(n_units, np.int64), 0  # first whether a unit is live, then which
    for unit in range(n_units):
        number[unit] = unit < n_inputs or unit >= n_units - n_outputs
    for e in range(n_weights):
        if kept[e]:
            number[ends[0, e]] = number[ends[1, e]] = 1
            n_edges += 1
    place = np.empty(n_edges + n_units - n_inputs, np.int64)
    for unit in range(n_units):
        if number[unit]:
            number[unit] = n_live
            if unit >= n_inputs:
                place[n_edges + n_live - n_inputs] = n_weights + unit - n_inputs
            n_live += 1
    source = np.empty(n_edges, np.uint32)  # unsigned: no test for negative indices
    start = np.zeros(n_live + 1, np.uint32)
    i = 0
    for e in range(n_weights):
        if kept[e]:
            place[i], source[i] = e, number[ends[0, e]]
            start[number[ends[1, e]] + 1] += 1
            i += 1
    for u in range(n_live):
        start[u + 1] += start[u]
    place = place[: n_edges + n_live - n_inputs]
    free = np.empty(place.size, np.float32)
    for i in range(place.size):
        free[i] = learns[place[i]]
    return _Live(source, start, n_inputs, n_live - n_outputs, place, free)


@compiled
def _best_epoch(
    net: _Live,
    w: Any,
    history: Any,
    data: Any,
    batch_size: int,
    rates: Any,
    latest: bool,
) -> Any:
    """Parameters, accuracy and loss of the best epoch of Adam from `w`; whether one diverged."""
    samples, validation, numbers, order = data
    n = samples[0].shape[0]
    rate, decay, noise, beta_mean, beta_square = rates
    lanes = min(n, batch_size)  # samples side by side
    shape = net.start.size - 1, lanes
    a = np.zeros(shape, np.float32)  # activations, and logits in the last rows
    d = np.zeros(shape, np.float32)  # derivatives of the loss with respect to them
    best, gradient = w.copy(), np.zeros(w.size, np.float32)
    mean, square = np.zeros(w.size, np.float32), np.zeros(w.size, np.float32)
    accuracy, loss, n_steps, diverged = -1.0, np.inf, 0, False
    logits = a[net.first_output :]
    for epoch in range(order.shape[0]):
        for begin in range(0, n, lanes):
            rows = order[epoch, begin : begin + lanes]
            _load(a, net, samples[0], rows)
            for s in range(rows.size):
                for i in range(net.n_inputs):
                    a[i, s] += np.float32(noise) * numbers[epoch, begin + s, i]
            _forward(net, w, a)
            _slopes(logits, samples[1], rows, d)
            _backward(net, w, a, d, gradient)
            n_steps += 1
            step = np.float32(rate / (1 - beta_mean**n_steps))
            correction = np.float32(1 / (1 - beta_square**n_steps))
            constants = np.float32(decay), np.float32(beta_mean), np.float32(beta_square)
            _adam(w, gradient, mean, square, net.free, step, correction, constants)
        now, loss_now = _judge(net, w, a, validation)
        diverged = diverged or not np.isfinite(loss_now)
        history[epoch] = now
        if now > accuracy or (now == accuracy and (latest or loss_now < loss)):
            put(w, best)
            accuracy, loss = now, loss_now
    return best, accuracy, loss, diverged


@compiled
def _load(a: Any, net: _Live, inputs: Any, rows: Any) -> None:
    for s in range(rows.size):
        for i in range(net.n_inputs):
            a[i, s] = inputs[rows[s], i]


@compiled
def _forward(net: _Live, w: Any, a: Any) -> None:
    for u in range(net.n_inputs, a.shape[0]):
        total, bias = a[u], w[net.source.size + u - net.n_inputs]
        for s in range(a.shape[1]):
            total[s] = bias
        for e in range(net.start[u], net.start[u + 1]):
            weight, before = w[e], a[net.source[e]]
            for s in range(a.shape[1]):
                total[s] += weight * before[s]
        if u < net.first_output:
            for s in range(a.shape[1]):
                total[s] = max(total[s], np.float32(0))


@compiled
def _slopes(logits: Any, targets: Any, rows: Any, d: Any) -> None:
    """Derivative of the mean binary cross-entropy with respect to the logits; 0 elsewhere."""
    one, scale = np.float32(1), np.float32(1 / (rows.size * logits.shape[0]))
    before = d.shape[0] - logits.shape[0]
    for u in range(d.shape[0]):
        for s in range(d.shape[1]):
            d[u, s] = 0
    for o in range(logits.shape[0]):
        for s in range(rows.size):
            right = one / (one + np.exp(-logits[o, s]))
            d[before + o, s] = (right - targets[rows[s], o]) * scale


@compiled_sums
def _backward(net: _Live, w: Any, a: Any, d: Any, gradient: Any) -> None:
    for u in range(a.shape[0] - 1, net.n_inputs - 1, -1):
        slope = d[u]
        if u < net.first_output:
            for s in range(a.shape[1]):
                slope[s] = slope[s] if a[u, s] > 0 else np.float32(0)
        total = np.float32(0)
        for s in range(a.shape[1]):
            total += slope[s]
        gradient[net.source.size + u - net.n_inputs] = total
        for e in range(net.start[u], net.start[u + 1]):
            before, total = a[net.source[e]], np.float32(0)
            for s in range(a.shape[1]):
                total += slope[s] * before[s]
            gradient[e] = total
        for e in range(net.start[u], net.start[u + 1]):
            weight, carried = w[e], d[net.source[e]]
            for s in range(a.shape[1]):
                carried[s] += weight * slope[s]


@compiled
def _adam(
    w: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    free: Any,
    step: Any,
    correction: Any,
    constants: Any,
) -> None:
    decay, beta_mean, beta_square = constants
    one, least = np.float32(1), np.float32(1e-8)
    for i in range(w.size):
        slope = gradient[i] + decay * w[i]
        mean[i] += (one - beta_mean) * (slope - mean[i])
        square[i] = beta_square * square[i] + (one - beta_square) * slope * slope
        change = step * mean[i] / (np.sqrt(square[i] * correction) + least)
        w[i] -= change * free[i]


@compiled
def _judge(net: _Live, w: Any, a: Any, validation: Any) -> tuple[float, float]:
    """Share of right bits and mean binary cross-entropy."""
    inputs, targets = validation
    right, loss, product = 0, 0.0, 1.0
    rows = np.empty(a.shape[1], np.int64)
    for begin in range(0, inputs.shape[0], a.shape[1]):
        n = min(a.shape[1], inputs.shape[0] - begin)
        for s in range(n):
            rows[s] = begin + s
        _load(a, net, inputs, rows[:n])
        _forward(net, w, a)
        for o in range(a.shape[0] - net.first_output):
            for s in range(n):
                z, t = a[net.first_output + o, s], targets[rows[s], o]
                right += (z > 0) == (t > 0)
                loss += max(z, np.float32(0)) - z * t
                product *= 1 + np.exp(-abs(z))
                if product > _PRODUCT:  # one logarithm of a product is cheaper than many
                    loss, product = loss + np.log(product), 1.0
    n_bits = targets.size
    return right / n_bits, float((loss + np.log(product)) / n_bits)
