"""Interchange and lesions of compiled circuits, by their definition: every pair of inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.reuse import SubtaskEvidence
from netsculpt.graph.circuits import SharedCircuits, ThresholdCircuit

Bits = NDArray[np.bool_]


def all_inputs(n: int) -> Bits:
    return np.array(list(itertools.product([False, True], repeat=n)))


def evaluated(
    text: str, inputs: Sequence[str], x: Bits, fixed: Mapping[str, Bits] | None = None
) -> dict[str, Bits]:
    """Values of all functions of a circuit's text, by Python, some of them set from outside."""
    values = dict(zip(inputs, x.T, strict=True))
    for line in text.split("\n"):
        name, expression = line.split(" = ")
        values[name] = eval(expression, {}, values)
        values |= {name: (fixed or {}).get(name, values[name])}
    return values


def run(net: ThresholdCircuit, x: Bits, change: Callable[[int, Bits], Bits]) -> Bits:
    """Outputs of the net if `change` edits the values of each hidden layer."""
    for layer, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        x = x.astype(np.float32) @ weight.T + bias > 0
        if layer < len(net.weights):
            x = change(layer, x)
    return x


def pairs_of(inputs: Sequence[str]) -> tuple[Bits, Bits]:
    """All pairs (x, x')."""
    rows = all_inputs(len(inputs))
    return np.repeat(rows, len(rows), axis=0), np.tile(rows, (len(rows), 1))


def exchanged(net: ThresholdCircuit, units: Bits, inputs: Sequence[str]) -> Bits:
    """Outputs for x with the values of some units for x', of all pairs."""
    rows = all_inputs(len(inputs))
    states, layer_of = net.activations(rows), net.layer_of

    def swapped(layer: int, values: Bits) -> Bits:
        own = layer_of == layer
        values[:, units[own]] = np.tile(states[:, own & units], (len(rows), 1))
        return values

    return run(net, pairs_of(inputs)[0], swapped)


def expected(text: str, inputs: Sequence[str], names: Iterable[str]) -> tuple[Bits, Bits]:
    """Outputs of the circuit for x with f := f(x'), and in which pairs f(x') changes them.

    Functions in `names` are set together.
    """
    x, other = pairs_of(inputs)
    values = evaluated(text, inputs, other)
    outputs = [name for name in values if name.startswith("out")]
    changed = evaluated(text, inputs, x, {name: values[name] for name in names})
    usual = evaluated(text, inputs, x)
    wanted, before = (np.stack([y[o] for o in outputs], 1) for y in (changed, usual))
    return wanted, (wanted != before).any(axis=1)


def accuracy(found: Bits, wanted: Bits, counted: Bits) -> float:
    """Share of the counted pairs in which all outputs are as wanted."""
    right = (found[:, : wanted.shape[1]] == wanted).all(axis=1)
    return float(right[counted].mean())


def interchange_accuracy(
    net: ThresholdCircuit, units: Bits, text: str, inputs: Sequence[str], names: Iterable[str]
) -> float:
    """Share of the pairs whose outputs become those of the circuit with f := f(x').

    Over the pairs in which f(x') changes the outputs.
    """
    return accuracy(exchanged(net, units, inputs), *expected(text, inputs, names))


def lesion_p(
    net: ThresholdCircuit, units: Bits, uses: Bits, rng: np.random.Generator, n: int = 59
) -> float:
    """p that units at random, of the same layers, hurt outputs that use f as selectively.

    Silenced units take their values from other inputs; the statistic is the least loss of accuracy
    of the outputs that use f, minus the largest of the others.
    """
    rows = all_inputs(net.weights[0].shape[1])
    wanted, states, layer_of = net(rows), net.activations(rows), net.layer_of
    live = states.any(axis=0) & ~states.all(axis=0)
    moved = states[rng.permutation(len(rows))]

    def loss(chosen: Bits) -> float:
        def silenced(layer: int, values: Bits) -> Bits:
            own = layer_of == layer
            return np.where(chosen[own], moved[:, own], values)

        wrong = (run(net, rows, silenced) != wanted).mean(axis=0)
        return float(wrong[uses].min() - wrong[~uses].max(initial=0.0))

    value, extreme = loss(units), 0
    for _ in range(n):
        drawn = np.zeros_like(units)
        for layer in np.unique(layer_of[units]):
            there = np.flatnonzero((layer_of == layer) & live)
            drawn[rng.permutation(there)[: (units & (layer_of == layer)).sum()]] = True
        extreme += loss(drawn) >= value - 1e-9
    return (extreme + 1) / (n + 1)


def copies_of(function: str, text: str) -> list[str]:
    names = [line.split(" = ")[0] for line in text.split("\n")]
    return [name for name in (function, f"{function}_again") if name in names]


def interchanges(
    net: ThresholdCircuit, text: str, inputs: Sequence[str], functions: Sequence[str]
) -> NDArray[np.float64]:
    """Interchange accuracy [M, F] of the hidden modules; NaN where the circuit has no such f.

    Of a function that is computed twice, each copy is asked about alone: the largest counts.
    """
    partition, names = net.hidden
    found = np.full((len(names), len(functions)), np.nan)
    outputs = [exchanged(net, partition.labels == m, inputs) for m in range(len(names))]
    for column, f in enumerate(functions):
        asked = [expected(text, inputs, [copy]) for copy in copies_of(f, text)]
        for module, own in enumerate(outputs):
            found[module, column] = max((accuracy(own, *x) for x in asked), default=np.nan)
    return found


def evidence_of(pair: SharedCircuits, functions: Sequence[str], rng: int = 0) -> SubtaskEvidence:
    """All evidence about a pair of compiled circuits."""
    iia = [
        interchanges(net, text, pair.inputs, functions)
        for net, text in ((pair.source, pair.source_text), (pair.target, pair.target_text))
    ]
    text, generator = pair.target_text, np.random.default_rng(rng)
    partition, names = pair.target.hidden
    p = np.ones((len(names), len(functions)))
    lines = [line.split(" = ") for line in text.split("\n") if line.startswith("out")]
    for module, (column, f) in itertools.product(range(len(names)), enumerate(functions)):
        if iia[1][module, column] >= 0.9:
            own = names[module]
            copy = own if own in copies_of(f, text) else f
            uses = np.array([copy in body.split(" ^ ") for _, body in lines])
            uses = np.pad(uses, (0, len(pair.target.biases[-1]) - len(uses)))
            p[module, column] = lesion_p(pair.target, partition.labels == module, uses, generator)
    everything = partition.labels >= 0
    unions = [
        interchange_accuracy(pair.target, everything, text, pair.inputs, copies_of(f, text))
        if copies_of(f, text)
        else np.nan
        for f in functions
    ]
    return SubtaskEvidence(tuple(functions), iia[0], iia[1], p, np.array(unions))
