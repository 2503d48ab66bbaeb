"""Answers of a net when units have their activations in another sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.graph.circuits import Circuit, truth_table
from netsculpt.graph.circuits.forcing import forced_outputs, function_values
from netsculpt.training.influence.intervening import Intervenable

__all__ = ["Counterfactual", "Samples", "drawn_pairs", "swapped_answers"]

Bits = NDArray[np.bool_]

_NUMBERS = 1 << 22  # outputs that are held at a time


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs of a circuit, what it computes on them, and the net's activations."""

    circuit: Circuit
    inputs: Bits  # [n, n_inputs]
    outputs: Bits  # [n, m] of the circuit
    functions: dict[str, Bits]  # values of every function [n]
    given: Tensor  # the inputs as the net takes them
    activations: Tensor  # [n, K]

    @classmethod
    def of(cls, net: Intervenable, circuit: Circuit, inputs: Bits | None = None) -> Samples:
        """Some inputs, or all 2ⁿ of them."""
        if net.n_outputs != len(circuit.outputs):
            raise FormatError(
                f"the net has {net.n_outputs} outputs, the circuit {len(circuit.outputs)} "
                f"({', '.join(circuit.outputs)}): both must be the same"
            )
        inputs = truth_table(circuit)[0] if inputs is None else inputs
        values = function_values(circuit, inputs)
        outputs = np.stack([values[name] for name in circuit.outputs], axis=1)
        given = torch.from_numpy(inputs.astype(np.float32))
        return cls(circuit, inputs, outputs, values, given, net.activations(given))


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """What a circuit says of each input if a function had its other value there."""

    value: Bits  # [n] of the function, as it is
    outputs: Bits  # [n, m] if it were the other one
    differs: Bits  # [n, m] which outputs are then others

    @classmethod
    def of(cls, samples: Samples, function: str) -> Counterfactual:
        """The counterfactual of one function."""
        ways = [
            forced_outputs(samples.circuit, samples.inputs, function, value=value)
            for value in (False, True)
        ]
        value = samples.functions[function]
        outputs = np.where(value[:, None], *ways)
        return cls(value, outputs, outputs != samples.outputs)


def swapped_answers(
    net: Intervenable, samples: Samples, units: Bits
) -> tuple[Bits, NDArray[np.intp]]:
    """Answers to every input with the units in every state that they have in any input.

    Inputs that put the units into the same state are one run: of 2ⁿ inputs, h threshold units have
    at most 2ʰ states.

    Parameters
    ----------
    net, samples
        The net, and all inputs.
    units
        Which units take the state [U].

    Returns
    -------
    bool [S, n, m]
        Answers in each of S states.
    int [n]
        The state that each input puts the units into.
    """
    columns = torch.from_numpy(net.columns(units))
    own = samples.activations[:, columns].cpu().numpy()
    _, first, state = np.unique(own, axis=0, return_index=True, return_inverse=True)
    n, n_outputs = samples.outputs.shape
    answers = np.empty((first.size, n, n_outputs), dtype=bool)
    at_once = max(1, _NUMBERS // (n * n_outputs))
    for start in range(0, first.size, at_once):
        part = first[start : start + at_once]
        values = samples.activations[torch.from_numpy(part)][:, None]  # [states, 1, K]
        same = np.broadcast_to(units, (part.size, units.size))
        swapped = net.replaced(samples.given, same, values) > 0
        answers[start : start + at_once] = swapped.cpu().numpy()
    return answers, state.reshape(-1)


def drawn_pairs(
    net: Intervenable, circuit: Circuit, n: int, *, seed: int, stage: str
) -> tuple[Samples, Samples]:
    """Random inputs x [n] and x′ [n], each bit 0 or 1 equally often."""
    rng = stream(seed, "interchange", stage)
    inputs, donors = rng.random((2, n, len(circuit.inputs))) < 0.5
    return Samples.of(net, circuit, inputs), Samples.of(net, circuit, donors)
