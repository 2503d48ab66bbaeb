"""Naive twins of lesions and interchange: one sample, one run and one gate at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt import Partition, compile_circuit, from_matrices, parse_circuit
from netsculpt.training.influence.intervening import LayeredNet, of_circuit, step

Floats = NDArray[np.float64]


def circuit_by_text(
    text: str, inputs: Mapping[str, int], forced: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Values of all lines, by Python's own reading of them."""
    values = dict(inputs)
    for line in text.replace(";", "\n").splitlines():
        if line.strip():
            name, body = (part.strip() for part in line.split("="))
            values[name] = eval(body, {}, dict(values)) & 1
            values.update({name: forced[name]} if forced and name in forced else {})
    return values


def forward(net: LayeredNet, x: Floats, replaced: Mapping[int, float]) -> tuple[Floats, Floats]:
    """Activations of all units and outputs of one sample, unit by unit."""
    found: list[float] = []
    below = [float(value) for value in x]
    for layer in range(len(net.weights) + 1):
        below = [replaced.get(len(found) + i, value) for i, value in enumerate(below)]
        found += below
        if layer < len(net.weights):
            sums = [
                float(net.biases[layer][j])
                + sum(float(net.weights[layer][j, i]) * value for i, value in enumerate(below))
                for j in range(len(net.weights[layer]))
            ]
            last = layer == len(net.weights) - 1
            below = (
                sums if last else net.activation(torch.tensor(sums, dtype=torch.float64)).tolist()
            )
    return np.array(found), np.array(below)


def compiled(text: str) -> tuple[LayeredNet, Partition, tuple[str, ...]]:
    """A compiled circuit, its modules and their names."""
    net = compile_circuit(parse_circuit(text))
    return of_circuit(net), net.truth, net.modules


def random_net(
    widths: tuple[int, ...], seed: int, *, density: float = 0.8, activation: str = "relu"
) -> LayeredNet:
    """Normal weights and biases, some pruned."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    weights = [rng.standard_normal(x) * (rng.random(x) < density) for x in shapes]
    biases = [rng.standard_normal(x[0]) * 0.5 for x in shapes]
    tensors = tuple(map(torch.from_numpy, weights)), tuple(map(torch.from_numpy, biases))
    return LayeredNet(
        *tensors, step if activation == "step" else torch.relu, from_matrices(weights)
    )


def with_dead_copy(
    net: LayeredNet, partition: Partition, module: int
) -> tuple[LayeredNet, Partition, int]:
    """The net with copies of a module's hidden units that feed each other and nothing else.

    The last result is the module of the copies.
    """
    labels = partition.labels
    weights, biases, new_labels = [], [], [labels[net.graph.layers[0].units]]
    copied_below: NDArray[np.intp] = np.zeros(0, np.intp)
    for layer, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        own = labels[net.graph.layers[layer].units]
        last = layer == len(net.weights)
        copied = np.flatnonzero(own == module) if not last else np.zeros(0, np.intp)
        w, b = weight.numpy(), bias.numpy()
        wide = np.zeros((w.shape[0] + copied.size, w.shape[1] + copied_below.size))
        wide[: w.shape[0], : w.shape[1]] = w
        twin = w[copied].copy()
        twin_below = twin[:, copied_below].copy()
        twin[:, copied_below] = 0.0
        wide[w.shape[0] :, : w.shape[1]] = twin
        wide[w.shape[0] :, w.shape[1] :] = twin_below
        weights.append(wide)
        biases.append(np.append(b, b[copied]))
        new_labels.append(np.append(own, np.full(copied.size, partition.n_modules)))
        copied_below = copied
    tensors = tuple(map(torch.from_numpy, weights)), tuple(map(torch.from_numpy, biases))
    wider = LayeredNet(*tensors, net.activation, from_matrices(weights))
    given = np.concatenate(new_labels)
    wide_partition = Partition(given)  # numbers modules by their first units
    (dead,) = np.unique(wide_partition.labels[given == partition.n_modules])
    return wider, wide_partition, int(dead)


def permuted_and_scaled(net: LayeredNet, seed: int) -> tuple[LayeredNet, NDArray[np.intp]]:
    """The same function: hidden units in another order, each ReLU unit scaled; and old numbers."""
    rng = np.random.default_rng(seed)
    weights = [x.numpy().copy() for x in net.weights]
    biases = [x.numpy().copy() for x in net.biases]
    order = [np.arange(net.widths[0])]
    for layer in range(len(weights) - 1):
        turn = rng.permutation(len(weights[layer]))
        scale = rng.uniform(0.2, 5.0, turn.size)
        weights[layer] = weights[layer][turn] * scale[:, None]
        biases[layer] = biases[layer][turn] * scale
        weights[layer + 1] = weights[layer + 1][:, turn] / scale
        order.append(turn)
    order.append(np.arange(net.widths[-1]))
    starts = np.cumsum([0, *net.widths])
    old = np.concatenate([start + part for start, part in zip(starts, order, strict=False)])
    tensors = tuple(map(torch.from_numpy, weights)), tuple(map(torch.from_numpy, biases))
    return LayeredNet(*tensors, net.activation, from_matrices(weights)), old
