"""Recurrent layers: gates in torch's order, directions as torch has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value

__all__ = ["OPS"]

_LSTM = (0, 2, 3, 1)  # ONNX has input, output, forget, cell; torch input, forget, cell, output
_GRU = (1, 0, 2)  # ONNX has update, reset, new; torch reset, update, new
_DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def _lstm(node: Node) -> tuple[Value, ...]:
    if node.attribute("input_forget", 0):
        raise node.refusal("its input and forget gates are one")
    if node.optional(7) is not None:
        raise node.refusal("it has peepholes")
    _check_functions(node, ["Sigmoid", "Tanh", "Tanh"])
    return _recurrent(node, "lstm", _LSTM, n_states=2)


def _gru(node: Node) -> tuple[Value, ...]:
    if not node.attribute("linear_before_reset", 0):
        raise node.refusal("it resets before it multiplies, which torch does not (set "
                           "linear_before_reset=1)")  # fmt: skip
    _check_functions(node, ["Sigmoid", "Tanh"])
    return _recurrent(node, "gru", _GRU, n_states=1)


def _rnn(node: Node) -> tuple[Value, ...]:
    functions = node.attribute("activations", ["Tanh"])
    names = {"Tanh": "rnn_tanh", "Relu": "rnn_relu"}
    if len(set(functions)) != 1 or functions[0] not in names:
        raise node.refusal(f"its functions are {functions}")
    return _recurrent(node, names[functions[0]], (0,), n_states=1)


def _check_functions(node: Node, usual: list[str]) -> None:
    given = node.attribute("activations", usual)
    if given not in (usual, usual * 2):
        raise node.refusal(f"its functions are {given}, {usual} are needed")


def _recurrent(
    node: Node, op: str, gates: Sequence[int], *, n_states: int
) -> tuple[Value, ...]:  # fmt: skip
    given, weight = node.input(0), node.input(1)
    direction = node.attribute("direction", "forward")
    node.ignore("hidden_size")
    if given.ndim != 3 or weight.ndim != 3 or 0 in given.shape:
        raise node.refusal(f"it takes {list(given.shape)} with {list(weight.shape)}")
    directions, hidden = weight.shape[0], weight.shape[1] // len(gates)
    if directions != _DIRECTIONS.get(direction):
        raise node.refusal(f"it takes {list(given.shape)} in direction {direction!r}")
    batch_first = bool(node.attribute("layout", 0))
    time, batch = (1, 0) if batch_first else (0, 1)
    _check_lengths(node, given.shape[time])
    rows = len(gates) * hidden
    _check_shape(node, 1, [directions, rows, given.shape[2]])
    _check_shape(node, 2, [directions, rows, hidden])
    _check_shape(node, 3, [directions, 2 * rows])
    shape = [directions, given.shape[batch], hidden]
    for place in range(5, 5 + n_states):
        _check_shape(node, place, [shape[x] for x in ((1, 0, 2) if batch_first else (0, 1, 2))])
    params = [x for at in range(directions) for x in _weights(node, at, gates, hidden)]
    states = [_state(node, 5 + at, shape, batch_first=batch_first) for at in range(n_states)]
    backward = direction == "reverse"
    given = node.emit("flip", given, [time]) if backward else given
    more = (params, len(params) > 2 * directions, 1, 0.0, False, directions == 2, batch_first)
    out, *last = node.emit_all(op, given, states if n_states > 1 else states[0], *more)
    out = node.emit("flip", out, [time]) if backward else out
    out = node.emit("reshape", out, [*out.shape[:2], directions, hidden])
    if batch_first:
        return out, *(node.emit("permute", x, [1, 0, 2]) for x in last)
    return node.emit("permute", out, [0, 2, 1, 3]), *last


def _check_shape(node: Node, place: int, wanted: list[int]) -> None:
    """ATen's own recurrent operations do not look, and crash."""
    found = node.optional(place)
    if found is not None and (list(found.shape) != wanted or 0 in wanted):
        raise node.refusal(f"its input {place + 1} is {list(found.shape)}, {wanted} is needed")


def _check_lengths(node: Node, steps: int) -> None:
    if node.optional(4) is not None and set(node.numbers(4)) != {steps}:
        raise node.refusal("its sequences end at different steps")


def _weights(node: Node, at: int, gates: Sequence[int], hidden: int) -> list[Value]:
    """What torch wants for one direction: weights of input and state, then biases."""
    weights = [node.emit("select", node.input(place), 0, at) for place in (1, 2)]
    if node.optional(3) is not None:
        bias, half = node.emit("select", node.input(3), 0, at), len(gates) * hidden
        weights += [node.emit("slice", bias, 0, begin, begin + half) for begin in (0, half)]
    return [_in_order(node, x, gates, hidden) for x in weights]


def _in_order(node: Node, value: Value, gates: Sequence[int], hidden: int) -> Value:
    if len(gates) == 1:
        return value
    parts = [node.emit("slice", value, 0, at * hidden, (at + 1) * hidden) for at in gates]
    return node.emit("cat", parts, 0)


def _state(node: Node, place: int, shape: list[int], *, batch_first: bool) -> Value:
    given = node.optional(place)
    if given is None:
        return node.emit("full", shape, 0.0, dtype=node.input(0).meta.dtype)
    return node.emit("permute", given, [1, 0, 2]) if batch_first else given


OPS: dict[str, Callable[[Node], tuple[Value, ...]]] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
