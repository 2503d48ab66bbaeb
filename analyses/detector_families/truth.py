"""What a network's units truly serve, and whether a partition shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import Partition
from netsculpt.modules import compare
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task, Truth

__all__ = ["decided", "judged"]


def decided(net: Replicas, task: Task) -> NDArray[np.bool_]:
    """Which outputs change an answer when a hidden unit is silenced [U, O], of the first replica.

    Silenced means held at 0, at its mean or at its largest value over the truth table. Only hidden
    units have entries. `functional` is given nearly the same: whether answers change when a unit
    takes values that it has in other samples, of which 0 and the largest are two; for some 99 % of
    the units both agree by construction. So what `functional` scores on hidden units is a
    consistency check, not evidence that it finds a truth defined independently of it.
    """
    weights = [net.parameters[name][0].double().numpy() for name in net.weights]
    names = [f"{name.removesuffix('.weight')}.bias" for name in net.weights]
    biases = [net.parameters[name][0].double().numpy() for name in names]
    layers = list(zip(weights, biases, strict=True))
    x: NDArray[np.float64] = task.inputs.double().numpy()
    answers = _onward(x, layers) > 0
    rows = [np.zeros((x.shape[1], answers.shape[1]), dtype=bool)]
    for at, (weight, bias) in enumerate(layers[:-1], start=1):
        x = np.maximum(x @ weight.T + bias, 0)
        changed = np.zeros((x.shape[1], answers.shape[1]), dtype=bool)
        for unit in range(x.shape[1]):
            for value in (0.0, x[:, unit].mean(), x[:, unit].max()):
                silenced = x.copy()
                silenced[:, unit] = value
                changed[unit] |= ((_onward(silenced, layers[at:]) > 0) != answers).any(axis=0)
        rows.append(changed)
    rows.append(np.zeros((answers.shape[1],) * 2, dtype=bool))
    return np.concatenate(rows)


def judged(
    graph: NetGraph, partition: Partition, truth: Truth, decides: NDArray[np.bool_]
) -> dict[str, bool | float]:
    """Whether inputs, outputs and hidden units are grouped exactly as they should be.

    Inputs by the functions that depend on them, outputs by their function, hidden units by the
    functions that they decide, those of no function left out. ``hidden_ami``: how nearly.
    """
    labels, outputs = partition.labels, truth.output_groups.labels
    of = outputs[:, None] == np.arange(outputs.max() + 1)
    serves = decides @ of
    hidden = live_units(graph) & serves.any(axis=1)
    sets = np.unique(serves[hidden], axis=0, return_inverse=True)[1].reshape(-1)
    return {
        "inputs": _equal(labels[graph.inputs], truth.input_groups.labels),
        "outputs": _equal(labels[graph.outputs], outputs),
        "hidden": _equal(labels[hidden], sets),
        "hidden_ami": compare(Partition(labels[hidden]), Partition(sets)).ami,
        "n_hidden": int(hidden.sum()),
        "in_several": float((serves[hidden].sum(axis=1) > 1).mean()),
    }


def _onward(
    x: NDArray[np.float64], layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> NDArray[np.float64]:
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight.T + bias, 0)
    weight, bias = layers[-1]
    return np.asarray(x @ weight.T + bias)


def _equal(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> bool:
    """The same groups, whatever their numbers; a unit without a module (−1) is in none."""
    return np.array_equal(Partition(labels).labels, Partition(truth).labels)
