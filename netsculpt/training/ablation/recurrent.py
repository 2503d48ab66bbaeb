"""Weights of LSTMs and GRUs: each acts at every step, so copies of the sequence are run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.training.ablation.forward import NUMBERS, Forward

__all__ = ["changes", "is_recurrent"]


def is_recurrent(layer: nn.Module, inputs: Any) -> bool:
    """Whether `changes` knows the layer, called with these inputs."""
    return (
        isinstance(inputs, Tensor)
        and inputs.ndim == 3
        and isinstance(layer, nn.LSTM | nn.GRU)
        and layer.batch_first
        and not layer.bidirectional
        and not getattr(layer, "proj_size", 0)
    )


def changes(done: Forward, number: int, name: str, kept: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Change of the loss without each kept weight of a layer: places and changes, block by block.

    Until the first step in which a weight acts all is as it was; in that step one unit changes, in
    the next one the gates change by a rank of one, and from then on everything does.

    Parameters
    ----------
    done
        The pass of some samples.
    number
        The number of the layer in its chain.
    name
        Of the weight in the layer: "weight_ih_l0", "weight_hh_l0", …
    kept
        Boolean [gates · hidden, in].
    """
    places = kept.flatten().nonzero()[:, 0]
    if len(places) == 0:
        return
    net = done.chain.links[number].layer
    assert isinstance(net, nn.LSTM | nn.GRU)
    depth = int(name.rpartition("_l")[2])
    cells = [_cell(net, index) for index in range(net.num_layers)]
    inputs = done.values[number].permute(1, 2, 0)  # [steps, features, n]
    finals: list[State] = []
    for cell in cells[:depth]:
        course = cell.course(inputs)
        inputs = course.outputs
        finals.append(course.states[-1])
    cell = cells[depth]
    course = cell.course(inputs)
    on_inputs = name.startswith("weight_ih")
    n_samples = inputs.shape[2]
    at_once = max(1, NUMBERS // (n_samples * cell.hidden_weight.shape[0]))
    for block in torch.split(places, at_once):
        removed = _Removed(
            block // kept.shape[1],
            block % kept.shape[1],
            (cell.input_weight if on_inputs else cell.hidden_weight).flatten()[block],
            on_inputs,
        )
        outputs, state = cell.without(removed, inputs, course)
        below = [tuple(x[:, None].expand(-1, len(block), -1).flatten(1) for x in y) for y in finals]
        states = [*below, state]
        for above in cells[depth + 1 :]:
            higher = above.course(outputs)
            outputs = higher.outputs
            states.append(higher.states[-1])
        yield block, done.of_layer(number + 1, _returned(outputs, states), len(block))


@dataclass(frozen=True, eq=False)
class _Removed:
    """K weights, each without which a copy runs."""

    rows: Tensor  # [K]
    columns: Tensor  # [K]
    values: Tensor  # [K]
    on_inputs: bool  # of the weight that reads the inputs, not the one that reads the last state


State = tuple[Tensor, ...]  # hidden state, and the cell state of an LSTM, each [hidden, …]


@dataclass(frozen=True, eq=False)
class _Course:
    """A layer over a sequence; steps are numbered from 0."""

    from_inputs: Tensor  # [steps, gates, hidden, n] what inputs add to the gates
    from_hidden: Tensor  # [steps, gates, hidden, n] what the hidden state before the step adds
    states: list[State]  # before each step, and after the last

    @property
    def outputs(self) -> Tensor:
        """Hidden state after each step [steps, hidden, n]."""
        return torch.stack([state[0] for state in self.states[1:]])


class _Cell(ABC):
    """One layer; columns are samples, or copies of them."""

    n_states: int
    adds_gates: bool  # whether only the sum of what inputs and hidden state add matters

    def __init__(
        self, input_weight: Tensor, hidden_weight: Tensor, biases: tuple[Tensor, Tensor]
    ) -> None:
        self.input_weight, self.hidden_weight = input_weight, hidden_weight
        self.biases = tuple(bias[:, None] for bias in biases)
        self.n_hidden = hidden_weight.shape[1]

    @abstractmethod
    def next(self, from_inputs: Tensor, from_hidden: Tensor, state: State) -> State:
        """The next state from gates [gates, hidden, …]; `from_hidden` may be written to."""

    def course(self, inputs: Tensor) -> _Course:
        """The layer over a sequence [steps, features, n]."""
        state: State = (inputs.new_zeros(self.n_hidden, inputs.shape[2]),) * self.n_states
        states, from_inputs, from_hidden = [state], [], []
        for step in inputs:
            gates = torch.addmm(self.biases[0], self.input_weight, step)
            from_inputs.append(gates.view(-1, *state[0].shape))
            from_hidden.append(self._from_hidden(state[0]))
            state = self.next(from_inputs[-1], from_hidden[-1].clone(), state)
            states.append(state)
        return _Course(torch.stack(from_inputs), torch.stack(from_hidden), states)

    def _from_hidden(self, hidden: Tensor) -> Tensor:
        """What hidden states [hidden, …] add to the gates [gates, hidden, …]."""
        product = torch.addmm(self.biases[1], self.hidden_weight, hidden.flatten(1))
        return product.view(-1, *hidden.shape)

    def without(self, removed: _Removed, inputs: Tensor, course: _Course) -> tuple[Tensor, State]:
        """Outputs [steps, hidden, K · n] and final state of K copies, each without one weight."""
        k, n = len(removed.rows), inputs.shape[2]
        first = 0 if removed.on_inputs else 1  # the state before the first step is 0
        if first == len(inputs):
            return course.outputs.repeat(1, 1, k), tuple(x.repeat(1, k) for x in course.states[-1])
        states = [tuple(x[:, None].expand(-1, k, n) for x in course.states[first])] * first
        state = self._first(removed, inputs, course, first)
        states.append(state)
        for step in range(first + 1, len(inputs)):
            if step == first + 1:
                from_hidden = self._second(removed, course, step, state[0])
            else:
                from_hidden = self._from_hidden(state[0])
            from_inputs = course.from_inputs[step][:, :, None]
            gate, unit = removed.rows // self.n_hidden, removed.rows % self.n_hidden
            copies = torch.arange(k)
            if removed.on_inputs:
                read = inputs[step][removed.columns]
            else:
                read = state[0][removed.columns, copies]
            changed = from_hidden
            if removed.on_inputs and not self.adds_gates:
                changed = from_inputs = from_inputs.expand(-1, -1, k, n).clone()
            changed[gate, unit, copies] -= removed.values[:, None] * read
            state = self.next(from_inputs, from_hidden, state)
            states.append(state)
        outputs = torch.stack([x[0] for x in states])
        return outputs.flatten(2), tuple(x.flatten(1) for x in state)

    def _first(self, removed: _Removed, inputs: Tensor, course: _Course, step: int) -> State:
        """State [hidden, K, n] after the first step in which the weights act: one unit changes."""
        gate, unit = removed.rows // self.n_hidden, removed.rows % self.n_hidden
        copies, before = torch.arange(len(unit)), course.states[step]
        from_inputs = course.from_inputs[step][:, unit]
        from_hidden = course.from_hidden[step][:, unit]
        read = (inputs[step] if removed.on_inputs else before[0])[removed.columns]
        changed = from_inputs if removed.on_inputs else from_hidden
        changed[gate, copies] -= removed.values[:, None] * read
        own = self.next(from_inputs, from_hidden, tuple(x[unit] for x in before))
        whole = []
        for part, changed in zip(course.states[step + 1], own, strict=True):
            wide = part[:, None].repeat(1, len(unit), 1)
            wide[unit, copies] = changed
            whole.append(wide)
        return tuple(whole)

    def _second(self, removed: _Removed, course: _Course, step: int, hidden: Tensor) -> Tensor:
        """What the hidden state after that step adds to the gates: a change of rank one."""
        unit = removed.rows % self.n_hidden
        by = hidden[unit, torch.arange(len(unit))] - course.states[step][0][unit]
        columns = self.hidden_weight[:, unit].view(-1, self.n_hidden, len(unit), 1)
        return torch.addcmul(course.from_hidden[step][:, :, None], columns, by)


class _LSTM(_Cell):
    n_states = 2
    adds_gates = True

    def next(self, from_inputs: Tensor, from_hidden: Tensor, state: State) -> State:
        into, keep, value, out = from_hidden.add_(from_inputs)
        cell = keep.sigmoid_().mul_(state[1]).addcmul_(into.sigmoid_(), value.tanh_())
        return out.sigmoid_().mul_(cell.tanh()), cell


class _GRU(_Cell):
    n_states = 1
    adds_gates = False

    def next(self, from_inputs: Tensor, from_hidden: Tensor, state: State) -> State:
        reset, update = from_hidden[:2].add_(from_inputs[:2]).sigmoid_()
        value = (from_inputs[2] + reset * from_hidden[2]).tanh_()
        return (torch.lerp(value, state[0], update),)


def _cell(net: nn.LSTM | nn.GRU, index: int) -> _Cell:
    weights = [getattr(net, f"weight_{kind}_l{index}").data for kind in ("ih", "hh")]
    biases = [
        getattr(net, f"bias_{kind}_l{index}").data if net.bias else weights[0].new_zeros(len(x))
        for kind, x in zip(("ih", "hh"), weights, strict=True)
    ]
    make = _LSTM if isinstance(net, nn.LSTM) else _GRU
    return make(weights[0], weights[1], (biases[0], biases[1]))


def _returned(outputs: Tensor, states: list[State]) -> Any:
    """What the layer returns: outputs [m, steps, hidden], and states [layers, m, hidden]."""
    parts = tuple(
        torch.stack([state[number].T for state in states]) for number in range(len(states[0]))
    )
    return outputs.permute(2, 0, 1), parts if len(parts) > 1 else parts[0]
