"""Recurrent layers, with gates and directions in torch's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["OPS"]

_LSTM = (0, 2, 3, 1)  # ONNX has input, output, forget, cell; torch input, forget, cell, output
_GRU = (1, 0, 2)  # ONNX has update, reset, new; torch reset, update, new
_DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def _lstm(node: OnnxNode) -> tuple[Value, ...]:
    if node.attribute("input_forget", 0):
        raise node.refusal("its input and forget gates are coupled")
    if node.optional(7) is not None:
        raise node.refusal("it has peepholes")
    _check_functions(node, ["Sigmoid", "Tanh", "Tanh"])
    return _recurrent(node, "lstm", _LSTM, n_states=2)


def _gru(node: OnnxNode) -> tuple[Value, ...]:
    if not node.attribute("linear_before_reset", 0):
        raise node.refusal(
            "it resets before it multiplies, unlike torch (set linear_before_reset=1)"
        )
    _check_functions(node, ["Sigmoid", "Tanh"])
    return _recurrent(node, "gru", _GRU, n_states=1)


def _rnn(node: OnnxNode) -> tuple[Value, ...]:
    functions = node.attribute("activations", ["Tanh"])
    names = {"Tanh": "rnn_tanh", "Relu": "rnn_relu"}
    if len(set(functions)) != 1 or functions[0] not in names:
        raise node.refusal(f"its functions are {functions}")
    return _recurrent(node, names[functions[0]], (0,), n_states=1)


def _check_functions(node: OnnxNode, usual: list[str]) -> None:
    functions = node.attribute("activations", usual)
    if functions not in (usual, usual * 2):
        raise node.refusal(f"its functions are {functions}, {usual} are needed")


def _recurrent(
    node: OnnxNode, op: str, gates: Sequence[int], *, n_states: int
) -> tuple[Value, ...]:
    sequence, weight = node.input(0), node.input(1)
    direction = node.attribute("direction", "forward")
    node.ignore("hidden_size")
    if sequence.ndim != 3 or weight.ndim != 3 or 0 in sequence.shape:
        raise node.refusal(f"it takes {list(sequence.shape)} with {list(weight.shape)}")
    directions, hidden = weight.shape[0], weight.shape[1] // len(gates)
    if directions != _DIRECTIONS.get(direction):
        raise node.refusal(f"it takes {list(sequence.shape)} in direction {direction!r}")
    batch_first = bool(node.attribute("layout", 0))
    time, batch = (1, 0) if batch_first else (0, 1)
    _check_lengths(node, sequence.shape[time])
    rows = len(gates) * hidden
    _check_shape(node, 1, [directions, rows, sequence.shape[2]])
    _check_shape(node, 2, [directions, rows, hidden])
    _check_shape(node, 3, [directions, 2 * rows])
    shape = [directions, sequence.shape[batch], hidden]
    places = range(5, 5 + n_states)
    for place in places:
        _check_shape(node, place, [shape[x] for x in ((1, 0, 2) if batch_first else (0, 1, 2))])
    params = [x for index in range(directions) for x in _weights(node, index, gates, hidden)]
    states = [_state(node, place, shape, batch_first=batch_first) for place in places]
    backward = direction == "reverse"
    sequence = node.emit("flip", sequence, [time]) if backward else sequence
    more = (params, len(params) > 2 * directions, 1, 0.0, False, directions == 2, batch_first)
    out, *last = node.emit_all(op, sequence, states if n_states > 1 else states[0], *more)
    out = node.emit("flip", out, [time]) if backward else out
    out = node.emit("reshape", out, [*out.shape[:2], directions, hidden])
    if batch_first:
        return out, *(node.emit("permute", x, [1, 0, 2]) for x in last)
    return node.emit("permute", out, [0, 2, 1, 3]), *last


def _check_shape(node: OnnxNode, place: int, expected: list[int]) -> None:
    """Raise if an input has another shape: ATen's recurrent operations do not check, and crash."""
    value = node.optional(place)
    if value is not None and (list(value.shape) != expected or 0 in expected):
        raise node.refusal(f"its input {place + 1} is {list(value.shape)}, {expected} is needed")


def _check_lengths(node: OnnxNode, steps: int) -> None:
    if node.optional(4) is not None and set(node.numbers(4)) != {steps}:
        raise node.refusal("its sequences end at different steps")


def _weights(node: OnnxNode, index: int, gates: Sequence[int], hidden: int) -> list[Value]:
    """Parameters of one direction in torch's order: weights of input and state, then biases."""
    weights = [node.emit("select", node.input(place), 0, index) for place in (1, 2)]
    if node.optional(3) is not None:
        bias, half = node.emit("select", node.input(3), 0, index), len(gates) * hidden
        weights += [node.emit("slice", bias, 0, begin, begin + half) for begin in (0, half)]
    return [_in_order(node, x, gates, hidden) for x in weights]


def _in_order(node: OnnxNode, value: Value, gates: Sequence[int], hidden: int) -> Value:
    if len(gates) == 1:
        return value
    parts = [node.emit("slice", value, 0, x * hidden, (x + 1) * hidden) for x in gates]
    return node.emit("cat", parts, 0)


def _state(node: OnnxNode, place: int, shape: list[int], *, batch_first: bool) -> Value:
    state = node.optional(place)
    if state is None:
        return node.emit("full", shape, 0.0, dtype=node.input(0).meta.dtype)
    return node.emit("permute", state, [1, 0, 2]) if batch_first else state


OPS: dict[str, Callable[[OnnxNode], tuple[Value, ...]]] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
