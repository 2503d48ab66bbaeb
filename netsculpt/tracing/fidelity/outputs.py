"""Compare a net's outputs with those that are rebuilt from its graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.tracing.engine.activation import NOTHING
from netsculpt.tracing.example import Example
from netsculpt.tracing.export import evaluating
from netsculpt.tracing.fidelity.bench import Bench
from netsculpt.tracing.fidelity.run import Numbers, kept, number, outputs
from netsculpt.tracing.program import Op

__all__ = ["compare_outputs"]

_TOKENS = NOTHING - 1  # and below
_DRAWS = 20  # of inputs, before a net's branch counts as one that random inputs do not take
_SAME_BRANCH = 1e-3  # of the outputs' scale

Instead = Callable[[Op, Numbers, Any], Any]


def compare_outputs(
    net: nn.Module,
    bench: Bench,
    examples: Example,
    instead: Instead,
    rng: np.random.Generator,
) -> tuple[float, float, str]:
    """The largest difference of outputs, their scale, and on which inputs they were compared.

    The difference has two parts. In float64, the operations with the graph's edges in the place of
    weights differ from the operations as they are by what the edges are wrong. In the net's own
    types, the operations as they are differ from the net by what they lack of it. So neither
    rounding nor underflow of the net counts.
    """
    place, inputs = "random inputs", _drawn(bench, examples, rng)
    exported, scale = _difference_to_net(net, bench, examples.filled(inputs))
    if bench.program.one_path:  # of several, which depend on the values of the inputs
        for _ in range(_DRAWS):
            if exported <= _SAME_BRANCH * scale:
                break
            inputs = _drawn(bench, examples, rng)
            exported, scale = _difference_to_net(net, bench, examples.filled(inputs))
        else:
            place, inputs = "the example", tuple(examples)
            exported, scale = _difference_to_net(net, bench, examples.filled(inputs))
    by_name = dict(zip(bench.program.inputs, inputs, strict=True))
    both = []
    for change in (None, instead):
        with torch.no_grad(), _same_noise():
            both.append(outputs(bench.program, bench.shadows, by_name, change, typed=number))
    exact, by_edges = both
    scale = max(scale, *map(_scale, exact))  # where the net's own type underflows, theirs is 0
    return exported + _largest_difference(by_edges, exact), scale, place


def _difference_to_net(net: nn.Module, bench: Bench, inputs: Example) -> tuple[float, float]:
    by_name = dict(zip(bench.program.inputs, inputs, strict=True))
    on_cpu = {name: x.cpu() for name, x in by_name.items()}
    with torch.no_grad(), _same_noise():
        ours = outputs(bench.program, bench.shadows, on_cpu, typed=kept)
    with torch.no_grad(), evaluating(net), _same_noise():
        values = torch.utils._pytree.tree_leaves(inputs.run(net))
    theirs = [x.detach().cpu() for x in values if isinstance(x, Tensor)]
    return _largest_difference(ours, theirs), max(map(_scale, theirs))


@contextmanager
def _same_noise() -> Iterator[None]:
    """Draw the same random numbers in every such block, as a variational net draws some."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _largest_difference(some: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    apart = [
        torch.where(x == y, 0.0, (x.double() - y.double()).abs()).nan_to_num(nan=torch.inf)
        for x, y in zip(some, others, strict=True)
    ]
    return max(_largest(x) for x in apart)


def _scale(values: Tensor) -> float:
    """The largest finite magnitude: a mask may add −∞."""
    size = values.abs().double()
    return _largest(size.where(size.isfinite(), 0.0))


def _largest(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def _drawn(bench: Bench, examples: Example, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Normal numbers; tokens; 0 and 1 for other integers, 1 alone if masks are left out."""
    inputs = []
    for name, example in zip(bench.program.inputs, examples, strict=True):
        units = bench.shadows[name].units
        numbers: Any
        if example.is_floating_point():
            numbers = rng.standard_normal(tuple(example.shape))
        else:
            n_values = np.full(units.shape, 2)
            for token, layer in bench.builder.tokens.items():
                n_values[(units == token).numpy()] = layer.n_units
            numbers = rng.integers(n_values)
            if bench.builder.left_out:  # nothing is taken to be padding
                numbers = np.where(units <= _TOKENS, numbers, 1)
        inputs.append(torch.from_numpy(numbers).to(example))
    return tuple(inputs)
