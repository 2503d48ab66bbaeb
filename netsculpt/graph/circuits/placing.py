"""Compiled circuits put into one wider network, so that the same unit has the same place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.circuits.compiling import ThresholdCircuit
from netsculpt.graph.partition import NO_MODULE, Partition

__all__ = ["Places", "placed"]

Rows = list[list[int]]  # by hidden layer: the places of a module's units


class Places:
    """Which places of each hidden layer are taken."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self.inputs = tuple(inputs)
        self.widths: list[int] = []  # hidden layers
        self.n_outputs = 0

    def add(
        self, inputs: Sequence[str], net: ThresholdCircuit, given: Mapping[str, Rows]
    ) -> dict[str, Rows]:
        """Places of the hidden units of each module; new ones but for modules that are given."""
        places: dict[str, Rows] = {}
        depth = len(net.weights) - 1
        if self.widths and len(self.widths) != depth:
            raise GraphError(
                f"networks of {len(self.widths)} and {depth} hidden layers: the same depth is "
                "needed to put them into one"
            )
        self.widths = self.widths or [0] * depth
        self.n_outputs = max(self.n_outputs, len(net.biases[-1]))
        for module, units in _units(net, len(inputs)).items():
            own = given.get(module)
            if own is None:
                own = [
                    list(range(width, width + len(rows)))
                    for width, rows in zip(self.widths, units, strict=True)
                ]
                self.widths = [
                    width + len(rows) for width, rows in zip(self.widths, units, strict=True)
                ]
            elif list(map(len, own)) != list(map(len, units)):
                raise GraphError(
                    f"module {module!r} has {list(map(len, units))} units by layer, and places for "
                    f"{list(map(len, own))}: the same gates are needed"
                )
            places[module] = own
        return places


def placed(
    places: Places,
    inputs: Sequence[str],
    net: ThresholdCircuit,
    modules: Mapping[str, Rows],
    *,
    borrowed: tuple[ThresholdCircuit, Sequence[str]] | None = None,
) -> ThresholdCircuit:
    """A compiled circuit whose units are put in their places; other units are constant 0.

    Parameters
    ----------
    places
        Widths of the layers, and the names of the inputs.
    inputs, net, modules
        The circuit's own inputs, its network, and where its modules are.
    borrowed
        A network with the same places and some of its modules: they are computed here too, and
        nothing reads them. They must read inputs alone.
    """
    widths = [len(places.inputs), *places.widths, places.n_outputs]
    own = _units(net, len(inputs))
    spots: list[list[int]] = [[places.inputs.index(name) for name in inputs]]
    for layer, bias in enumerate(net.biases[:-1]):
        row = [0] * len(bias)
        for module, by_layer in own.items():
            for unit, place in zip(by_layer[layer], modules[module][layer], strict=True):
                row[unit] = place
        spots.append(row)
    spots.append(list(range(len(net.biases[-1]))))
    weights, biases = [], []
    for layer, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        wide = np.zeros((widths[layer + 1], widths[layer]), dtype=np.float32)
        wide[np.ix_(spots[layer + 1], spots[layer])] = weight
        level = np.full(widths[layer + 1], -0.5, dtype=np.float32)  # below 0: never on
        level[spots[layer + 1]] = bias
        weights.append(wide)
        biases.append(level)
    names = [""] * sum(widths)
    starts = np.cumsum([0, *widths]).tolist()
    labels = net.truth.labels.tolist()
    units = [starts[layer] + place for layer, row in enumerate(spots) for place in row]
    for unit, label in zip(units, labels, strict=True):
        names[unit] = net.modules[label]
    if borrowed:
        _borrow(borrowed, weights, biases, names, starts)
    return _named(weights, biases, names)


def _borrow(
    borrowed: tuple[ThresholdCircuit, Sequence[str]],
    weights: list[NDArray[np.float32]],
    biases: list[NDArray[np.float32]],
    names: list[str],
    starts: list[int],
) -> None:
    other, modules = borrowed
    labels = other.truth.labels
    for module in modules:
        for unit in np.flatnonzero(labels == other.modules.index(module)).tolist():
            layer = int(np.searchsorted(starts, unit, side="right")) - 1
            if layer == 0:
                continue
            row = unit - starts[layer]
            weights[layer - 1][row] = other.weights[layer - 1][row]
            biases[layer - 1][row] = other.biases[layer - 1][row]
            names[unit] = module


def _named(
    weights: list[NDArray[np.float32]], biases: list[NDArray[np.float32]], names: list[str]
) -> ThresholdCircuit:
    number = {name: i for i, name in enumerate(dict.fromkeys(name for name in names if name))}
    labels = [number.get(name, NO_MODULE) for name in names]
    truth = Partition(labels, method="truth")
    return ThresholdCircuit(tuple(weights), tuple(biases), truth, tuple(number))


def _units(net: ThresholdCircuit, n_inputs: int) -> dict[str, Rows]:
    """Hidden units of each module, by layer; a module of inputs or outputs alone has none."""
    widths = [n_inputs, *map(len, net.biases)]
    starts = np.cumsum([0, *widths]).tolist()
    labels = net.truth.labels
    return {
        module: [
            np.flatnonzero(labels[starts[layer] : starts[layer + 1]] == index).tolist()
            for layer in range(1, len(widths) - 1)
        ]
        for index, module in enumerate(net.modules)
    }
