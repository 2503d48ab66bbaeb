"""Check shapes of recurrent layers, where torch would read beyond its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

__all__ = ["GATES", "fits"]

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def fits(name: str, args: Sequence[Any]) -> bool:
    """Whether states and weights fit the number of layers and a batch of sequences."""
    if len(args) != 9 or not all(isinstance(x, bool | int) for x in (args[3], *args[6:])):
        return False
    sequences, states, weights, biases, n_layers, _, _, both, batch_first = args
    states = [states] if isinstance(states, Tensor) else states
    tensors = [sequences, *_listed(states), *_listed(weights)]
    if not all(isinstance(x, Tensor) for x in tensors):
        return False
    if sequences.ndim != 3 or not sequences.numel():
        return False
    if not isinstance(n_layers, int) or not 0 < n_layers <= len(_listed(weights)):
        return False
    cells = n_layers * (2 if both else 1)
    n_states, n_own = (2 if name == "lstm" else 1), 4 if biases else 2
    projected = len(weights) == cells * (n_own + 1) and name == "lstm"
    if len(states) != n_states or len(weights) != cells * (n_own + projected):
        return False
    if any(x.ndim != 3 for x in states) or any(x.ndim not in (1, 2) for x in weights):
        return False
    hidden, out = states[-1].shape[2], states[0].shape[2]
    if not hidden or not out or (out != hidden and not projected):
        return False
    batch = sequences.shape[0 if batch_first else 1]
    expected = list(
        _shapes(name, sequences.shape[2], hidden, out, cells, n_layers, bool(biases), projected)
    )
    return [tuple(x.shape) for x in weights] == expected and [tuple(x.shape) for x in states] == [
        (cells, batch, size) for size in ([out, hidden] if n_states == 2 else [out])
    ]


def _shapes(
    name: str, n_inputs: int, hidden: int, out: int, cells: int, n_layers: int, biases: bool,
    projected: bool,
) -> Iterator[tuple[int, ...]]:  # fmt: skip
    """Shapes of all weights, cell by cell."""
    rows, directions = GATES[name] * hidden, cells // n_layers
    for layer in range(n_layers):
        for _ in range(directions):
            yield rows, n_inputs if layer == 0 else out * directions
            yield rows, out
            if biases:
                yield from ((rows,), (rows,))
            if projected:
                yield out, hidden


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]
