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
    net = done.chain.links[number].layer
    assert isinstance(net, nn.LSTM | nn.GRU)
    depth = int(name.rpartition("_l")[2])
    cells = [_cell(net, index) for index in range(net.num_layers)]
    inputs = done.values[number].permute(1, 2, 0)  # [steps, features, n]
    finals = []
    for cell in cells[:depth]:
        course = cell.course(inputs)
        inputs = course.outputs
        finals.append(course.final)
    cell = cells[depth]
    course = cell.course(inputs)
    on_inputs = name.startswith("weight_ih")
    n_samples = inputs.shape[2]
    at_once = max(1, NUMBERS // (n_samples * cell.hidden_weight.shape[0]))
    places = kept.flatten().nonzero()[:, 0]
    for block in torch.split(places, at_once):
        removed = _Removed(
            block // kept.shape[1],
            block % kept.shape[1],
            (cell.input_weight if on_inputs else cell.hidden_weight).flatten()[block],
            on_inputs,
        )
        outputs, state = cell.without(removed, inputs, course)
        states = [
            *([part[:, None].expand(-1, len(block), -1).flatten(1) for part in x] for x in finals),
            state,
        ]
        for above in cells[depth + 1 :]:
            higher = above.course(outputs)
            outputs = higher.outputs
            states.append(higher.final)
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
    """A layer over a sequence."""

    from_inputs: Tensor  # [steps, gates, n] what the inputs add to the gates, biases included
    states: list[State]  # after each step
    outputs: Tensor  # [steps, hidden, n]

    @property
    def final(self) -> State:
        return self.states[-1]


class _Cell(ABC):
    """One layer; columns are samples, or copies of them."""

    n_states: int

    def __init__(self, input_weight: Tensor, hidden_weight: Tensor) -> None:
        self.input_weight, self.hidden_weight = input_weight, hidden_weight
        self.n_hidden = hidden_weight.shape[1]

    @abstractmethod
    def gates_from(self, inputs: Tensor) -> Tensor:
        """What inputs [features, n] add to the gates [gates · hidden, n]."""

    @abstractmethod
    def next(self, from_inputs: Tensor, from_hidden: Tensor, state: State) -> State:
        """The next state; arguments are [gates, hidden, …], and broadcast."""

    @property
    def hidden_bias(self) -> Tensor:
        """What is added to the product with the last hidden state [gates · hidden, 1]."""
        return self.hidden_weight.new_zeros(len(self.hidden_weight), 1)

    def course(self, inputs: Tensor) -> _Course:
        """The layer over a sequence [steps, features, n]."""
        from_inputs = torch.stack([self.gates_from(step) for step in inputs])
        state: State = (inputs.new_zeros(self.n_hidden, inputs.shape[2]),) * self.n_states
        states = []
        for gates in from_inputs:
            state = self.next(self._split(gates), self._split(self._from_hidden(state[0])), state)
            states.append(state)
        return _Course(from_inputs, states, torch.stack([x[0] for x in states]))

    def _from_hidden(self, hidden: Tensor) -> Tensor:
        return torch.addmm(self.hidden_bias, self.hidden_weight, hidden)

    def _split(self, gates: Tensor) -> Tensor:
        return gates.unflatten(0, (-1, self.n_hidden))

    def without(self, removed: _Removed, inputs: Tensor, course: _Course) -> tuple[Tensor, State]:
        """Outputs [steps, hidden, K · n] and final state of K copies, each without one weight."""
        n_steps, _, n = inputs.shape
        k = len(removed.rows)
        copies = torch.arange(k)
        values = removed.values[:, None]
        outputs = inputs.new_empty(n_steps, self.n_hidden, k, n)
        state: State = ()
        first = 0 if removed.on_inputs else 1  # the state before the first step is 0
        for step in range(n_steps):
            before = course.states[step - 1] if step else None
            from_inputs = course.from_inputs[step][:, None]
            if step < first:
                state = tuple(x[:, None].expand(-1, k, n) for x in course.states[step])
                outputs[step] = state[0]
                continue
            zero = inputs.new_zeros(self.n_hidden, n)
            if step == first:
                last = zero if before is None else before[0]
                from_hidden = self._from_hidden(last)[:, None].expand(-1, k, n)
            else:
                from_hidden = self._from_hidden(state[0].flatten(1)).view(-1, k, n)
            read = (
                inputs[step][removed.columns]
                if removed.on_inputs
                else state[0][removed.columns, copies]
            )
            if removed.on_inputs:
                from_inputs = from_inputs.expand(-1, k, n).clone()
                from_inputs[removed.rows, copies] -= values * read
            else:
                from_hidden = from_hidden.clone() if step == first else from_hidden
                from_hidden[removed.rows, copies] -= values * read
            if not state:
                state = (zero[:, None],) * self.n_states
            state = self.next(self._split(from_inputs), self._split(from_hidden), state)
            outputs[step] = state[0]
        return outputs.flatten(2), tuple(x.flatten(1) for x in state)


class _LSTM(_Cell):
    n_states = 2

    def __init__(self, input_weight: Tensor, hidden_weight: Tensor, bias: Tensor) -> None:
        super().__init__(input_weight, hidden_weight)
        self.bias = bias[:, None]

    def gates_from(self, inputs: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.input_weight, inputs)

    def next(self, from_inputs: Tensor, from_hidden: Tensor, state: State) -> State:
        gates = from_inputs + from_hidden
        into, keep, value, out = gates
        cell = keep.sigmoid_().mul_(state[1]).addcmul_(into.sigmoid_(), value.tanh_())
        return out.sigmoid_().mul_(cell.tanh()), cell


class _GRU(_Cell):
    n_states = 1

    def __init__(
        self, input_weight: Tensor, hidden_weight: Tensor, biases: tuple[Tensor, Tensor]
    ) -> None:
        super().__init__(input_weight, hidden_weight)
        self.biases = biases

    @property
    def hidden_bias(self) -> Tensor:
        return self.biases[1][:, None]

    def gates_from(self, inputs: Tensor) -> Tensor:
        return torch.addmm(self.biases[0][:, None], self.input_weight, inputs)

    def next(self, from_inputs: Tensor, from_hidden: Tensor, state: State) -> State:
        reset, update = (from_inputs[:2] + from_hidden[:2]).sigmoid_()
        value = (from_inputs[2] + reset * from_hidden[2]).tanh_()
        return (torch.lerp(value, state[0], update),)


def _cell(net: nn.LSTM | nn.GRU, index: int) -> _Cell:
    input_weight, hidden_weight = (
        getattr(net, f"weight_{kind}_l{index}").data for kind in ("ih", "hh")
    )
    biases = [
        getattr(net, f"bias_{kind}_l{index}").data
        if net.bias
        else hidden_weight.new_zeros(len(hidden_weight))
        for kind in ("ih", "hh")
    ]
    if isinstance(net, nn.LSTM):
        return _LSTM(input_weight, hidden_weight, biases[0] + biases[1])
    return _GRU(input_weight, hidden_weight, (biases[0], biases[1]))


def _returned(outputs: Tensor, states: list[State]) -> Any:
    """What the layer returns: outputs [m, steps, hidden], and states [layers, m, hidden]."""
    parts = tuple(
        torch.stack([state[number].T for state in states]) for number in range(len(states[0]))
    )
    return outputs.permute(2, 0, 1), parts if len(parts) > 1 else parts[0]
