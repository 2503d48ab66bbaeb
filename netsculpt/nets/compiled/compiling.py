"""Programs as transformers whose weights are written, not trained."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.errors import LimitError
from netsculpt.nets.compiled.layout import Layout, layout_of
from netsculpt.nets.compiled.primitives import (
    BEGIN,
    POSITIONS,
    TOKENS,
    Aggregate,
    Map,
    Mean,
    Select,
    SelectorWidth,
    SequenceMap,
    Step,
)
from netsculpt.nets.compiled.program import Program
from netsculpt.nets.compiled.transformer import Attention, CompiledTransformer, Head, Perceptron

__all__ = ["compile_program"]

_SHARP = 50.0  # score of a selected position; e^(−25) is far below float32's precision

_MOST_WEIGHTS = 1 << 26  # of the neurons of a step: 1 GiB while they are written

_Floats = NDArray[np.float64]


def compile_program(program: Program) -> CompiledTransformer:
    r"""Compile a program to a transformer that computes it at every position.

    The residual stream has a subspace for each variable: one channel per value, 1 where the
    variable has it, or one channel for a mean. Every aggregation, mean and selector width is an
    attention head; every function of a position is made of ReLU neurons of an MLP.

    - **Select**: queries that select the same keys share a dimension of the head; a selected
      position has score 50, others 0. The begin token has 25, so that it is attended to where
      nothing is selected; its value is 0.
    - **Selector width** w: the begin token has score 50 too, and is the value that is read: the
      head writes 1 ∕ (1 + w), an MLP turns this into one channel per w.
    - **Functions**: a neuron for each value, or pair of values, of which there is a result; for
      numbers two neurons for each threshold between values with different results.

    Every other weight is exactly 0, so that the graph of the net (`netsculpt.trace`) has the edges
    of the circuit alone. Values are those of the interpreter up to rounding.

    Lindner et al. 2023, arXiv:2301.05062; Weiss, Goldberg and Yahav 2021, arXiv:2106.06981.

    Notes
    -----
    A function of two variables has as many neurons as there are pairs of their values, a selection
    looks at all pairs.

    Examples
    --------
    >>> from netsculpt.nets.compiled import reverse
    >>> net = compile_program(reverse("abc", 4))
    >>> net.decoded(net(*net.encoded(["abb", "cab"])))
    [['b', 'b', 'a'], ['b', 'a', 'c']]
    """
    layout = layout_of(program)
    writer = _Writer(program, layout)
    layers: list[Attention | Perceptron] = []
    for number, steps in enumerate(layout.layers):
        if steps:
            layers.append(writer.neurons(steps) if number % 2 else writer.heads(steps))
    net = CompiledTransformer(program, layout, layers)
    for embedding, variable in ((net.token, TOKENS), (net.position, POSITIONS)):
        own = layout.one_hot[variable.name]
        table = np.zeros(tuple(embedding.weight.shape))
        table[:-1, own] = np.eye(own.stop - own.start)
        if variable is TOKENS:
            table[-1, layout.one_hot[BEGIN.name]] = 1
        _write(embedding.weight, table)
    read = layout.one_hot[program.output.name]
    _write(net.output.weight, np.eye(len(layout.owners))[read])
    return net.eval().requires_grad_(False)


class _Writer:
    """Writes the weights of layers."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program, self.layout = program, layout
        self.width = len(layout.owners)
        self.begin = layout.one_hot[BEGIN.name].start

    def heads(self, steps: Sequence[Step]) -> Attention:
        """A head for each step."""
        return Attention([self._head(x) for x in steps], tuple(x.name for x in steps))

    def _head(self, step: Step) -> Head:
        assert isinstance(step, Aggregate | Mean | SelectorWidth)
        query, key = self._selection(step.selector)
        score = 1.0 if isinstance(step, SelectorWidth) else 0.5
        bias = np.zeros(len(query) + 1)
        bias[-1] = score * _SHARP
        begin = np.zeros((1, self.width))
        begin[0, self.begin] = 1
        channels = np.eye(self.width)
        if isinstance(step, Aggregate):
            value = channels[self.layout.one_hot[step.source.name]]
            target = channels[self.layout.one_hot[step.name]]
        else:
            value = begin if isinstance(step, SelectorWidth) else self._number(step)
            target = channels[[self.layout.number[step.name]]]
        head = Head(self.width, len(bias), len(value))
        _write(head.query.weight, np.concatenate([_SHARP * query, 0 * begin]))
        _write(head.query.bias, bias)
        _write(head.key.weight, np.concatenate([key, begin]))
        _write(head.value.weight, value)
        _write(head.output.weight, target.T)
        return head

    def _selection(self, selector: Select) -> tuple[_Floats, _Floats]:
        """Which query values [groups, width], and which key values, select one another."""
        keys, queries = selector.keys.name, selector.queries.name
        groups: dict[tuple[bool, ...], list[int]] = {}
        for number, query in enumerate(self.program.values[queries]):
            chosen = tuple(bool(selector.chosen(x, query)) for x in self.program.values[keys])
            if any(chosen):
                groups.setdefault(chosen, []).append(number)
        query_weights, key_weights = np.zeros((2, len(groups), self.width))
        for row, (chosen, members) in enumerate(groups.items()):
            query_weights[row, self.layout.one_hot[queries].start + np.array(members)] = 1
            key_weights[row, self.layout.one_hot[keys]] = chosen
        return query_weights, key_weights

    def _number(self, step: Mean) -> _Floats:
        """The number that each channel of a mean's source stands for [1, width]."""
        weights = np.zeros((1, self.width))
        values = self.program.values[step.source.name]
        weights[0, self.layout.one_hot[step.source.name]] = [float(x) for x in values]
        return weights

    def neurons(self, steps: Sequence[Step]) -> Perceptron:
        """Neurons for all steps."""
        parts = [self._neurons(x) for x in steps]
        owners = [x.name for x, (up, *_) in zip(steps, parts, strict=True) for _ in up]
        layer = Perceptron(self.width, tuple(owners))
        up, bias, down = (np.concatenate(x) for x in zip(*parts, strict=True))
        _write(layer.up.weight, up)
        _write(layer.up.bias, bias)
        _write(layer.down.weight, down.T)
        return layer

    def _neurons(self, step: Step) -> tuple[_Floats, _Floats, _Floats]:
        """Incoming weights [neurons, width], biases, and outgoing weights [neurons, width]."""
        if isinstance(step, SelectorWidth):
            widths = self.program.values[step.name]
            shares = [Fraction(1, 1 + x) for x in widths]
            return self._thresholds(step, self.layout.number[step.name], shares, widths, begin=1)
        if isinstance(step, Map) and isinstance(step.source, Mean):
            values = self.program.values[step.source.name]
            results = [step.function(x) for x in values]
            channel = self.layout.number[step.source.name]
            return self._thresholds(step, channel, values, results, begin=0)
        assert isinstance(step, Map | SequenceMap)
        sources = (step.source,) if isinstance(step, Map) else (step.first, step.second)
        return self._conjunctions(step, [x.name for x in sources])

    def _conjunctions(
        self, step: Map | SequenceMap, sources: Sequence[str]
    ) -> tuple[_Floats, _Floats, _Floats]:
        """A neuron for each combination of values that has a result."""
        values = [self.program.values[x] for x in sources]
        starts = [self.layout.one_hot[x].start for x in sources]
        results = {
            place: step.function(*(own[x] for own, x in zip(values, place, strict=True)))
            for place in np.ndindex(*map(len, values))
        }
        places = [place for place, result in results.items() if result is not None]
        if len(places) * self.width > _MOST_WEIGHTS:
            raise LimitError(
                f"{step.name!r} needs {len(places):,} neurons of {self.width:,} weights: at most "
                f"{_MOST_WEIGHTS:,} weights are written; use fewer values or a shorter length"
            )
        up, down = list[_Floats](), list[_Floats]()
        for place in places:
            row = np.zeros(self.width)
            np.add.at(row, np.add(starts, place), 1)  # both may be one variable
            up.append(row)
            down.append(self._channel(step, results[place]))
        bias = np.full(len(up), 1.0 - len(sources))
        return _rows(up, self.width), bias, _rows(down, self.width)

    def _thresholds(
        self,
        step: Step,
        channel: int,
        values: Sequence[Fraction],
        results: Sequence[Any],
        begin: float,
    ) -> tuple[_Floats, _Floats, _Floats]:
        """Steps from one result to the next, as differences of two neurons.

        At the begin token, where the number is `begin`, all of them are 0.
        """
        pairs = sorted(zip(values, results, strict=True), key=lambda x: x[0])
        runs = [list(run) for _, run in groupby(pairs, key=lambda x: x[1])]
        codes = [self._channel(step, run[0][1]) for run in runs]
        up, bias, down = list[_Floats](), list[float](), list[_Floats]()
        if codes[0].any():
            up.append(-np.eye(self.width)[self.begin])
            bias.append(1.0)
            down.append(codes[0])
        for run, after, code, new in zip(runs, runs[1:], codes, codes[1:], strict=False):
            low, high = float(run[-1][0]), float(after[0][0])
            slope, middle = 2 / (high - low), (low + high) / 2
            row = np.zeros(self.width)
            row[channel] = slope
            row[self.begin] = -max(0.0, slope * (begin - middle)) - 1
            up += [row, row]
            bias += [0.5 - slope * middle, -0.5 - slope * middle]
            down += [new - code, code - new]
        return _rows(up, self.width), np.array(bias), _rows(down, self.width)

    def _channel(self, step: Step, result: Any) -> _Floats:
        """1 in the channel of a result; all 0 if it is None [width]."""
        code = np.zeros(self.width)
        if result is not None:
            place = self.program.values[step.name].index(result)
            code[self.layout.one_hot[step.name].start + place] = 1
        return code


def _rows(rows: Sequence[_Floats], width: int) -> _Floats:
    return np.stack(rows) if rows else np.zeros((0, width))


def _write(parameter: Tensor, values: _Floats) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values))
