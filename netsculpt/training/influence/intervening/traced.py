"""Any net of torch that can be traced, run operation by operation on many samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from netsculpt.core.errors import FormatError, GraphError, TopologyError
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.example import Example
from netsculpt.tracing.export import exported
from netsculpt.tracing.fidelity.match import options_of
from netsculpt.tracing.fidelity.run import kept
from netsculpt.tracing.follow import followed
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.program import RANDOM, Op, Program, Ref, leaves, mapped
from netsculpt.tracing.rewriting import rewritten
from netsculpt.training.influence.intervening.intervenable import Intervenable
from netsculpt.training.influence.intervening.sites import RETURN, Sites

__all__ = ["TracedNet"]

_NUMBERS = 1 << 24  # values of operations that are held at a time


@dataclass(frozen=True, eq=False)
class TracedNet(Intervenable):
    """A net as it was when it was traced, in evaluation mode and in its own number types.

    Its operations run on one sample, and are mapped over samples and runs (nets with recurrent
    layers: sample by sample). Units inside a recurrent layer cannot be replaced. Activations have a
    column for each element of each value that an operation turns into other units.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
    >>> able = TracedNet.of(net, torch.zeros(1, 1, 4, 4))
    >>> able.graph, np.bincount(able.unit_of).tolist()  # 16 pixels of the input, 4 per channel
    (NetGraph(1-2-1: 4 units, 4 edges), [16, 4, 4])
    """

    graph: NetGraph
    unit_of: NDArray[np.int64]
    found: NDArray[np.bool_]  # [U] units that can be replaced
    program: Program
    constants: dict[str, Any]  # values that depend on no input
    ops: tuple[Op, ...]  # the others, in the order in which they run
    sites: Sites
    is_mapped: bool = True  # False: samples run one by one, as there are operations without a batch

    @classmethod
    def of(cls, net: nn.Module, example: Any, graph: NetGraph | None = None) -> TracedNet:
        """Trace a net again, with the options that made `graph`.

        Raises
        ------
        GraphError
            If the graph is not a trace of this net, or the live() of one.
        TopologyError
            If the net cannot be traced, draws random numbers, or returns several tensors.
        """
        given = Example.of(net, example)
        program = rewritten(exported(net, given.filled([x[:1] for x in given])))
        builder, shadows = followed(program, TraceOptions() if graph is None else options_of(graph))
        fresh = builder.graph(net=type(net).__name__)
        graph = fresh if graph is None else graph
        sites = Sites.of(program, shadows, builder, fresh)
        unit_of = _numbers_in(graph, fresh)
        found = np.zeros(graph.n_units, dtype=bool)
        found[unit_of[sites.found & (unit_of >= 0)]] = True
        columns = sites.units
        constants, ops = _constants(program, shadows), _changing(program, shadows)
        _require_plain(program, ops)
        numbers = np.where(columns >= 0, np.append(unit_of, -1)[columns], -1)
        able = cls(graph, numbers, found, program, constants, ops, sites)
        return able if _can_be_mapped(able, next(iter(given))) else replace(able, is_mapped=False)

    @property
    def replaceable(self) -> NDArray[np.bool_]:
        """Units whose every edge leaves from an operand of an operation [U]."""
        return self.found

    @property
    def n_outputs(self) -> int:
        """Elements of what the net returns for one sample, O."""
        (result,) = (x for x in self.program.outputs if isinstance(x, Ref))
        return math.prod(self.program.makers[result.name].shape)

    @torch.no_grad()
    def activations(self, inputs: Tensor) -> Tensor:
        """Activations [n, K] of all units."""

        def run(sample: Tensor) -> Tensor:
            recorded: dict[str, Tensor] = {}
            self._run(sample, recorded, frozenset(), torch.zeros(0), torch.zeros(0))
            return torch.cat([torch.zeros(0), *(recorded[x].flatten() for x in self.sites.sites)])

        parts = torch.split(self._single(inputs), self._n_at_once)
        return torch.cat([self._over(run, (0,))(part) for part in parts])

    @torch.no_grad()
    def replaced(self, inputs: Tensor, units: NDArray[np.bool_], values: Tensor) -> Tensor:
        """Outputs [B, n, O], each time with the activations of some units [B, U] replaced."""
        self.require_replaceable(units)
        self.require_values(values, len(units), len(inputs))
        samples, n = self._single(inputs), len(inputs)
        result = torch.empty(len(units), n, self.n_outputs)
        runs_at_once = max(1, self._n_at_once // n)
        for first in range(0, len(units), runs_at_once):
            runs = slice(first, first + runs_at_once)
            masks = torch.from_numpy(self.columns(units[runs]))
            own = values[runs] if values.ndim == 3 else values
            for start in range(0, n, self._n_at_once):
                rows = slice(start, start + self._n_at_once)
                given = own if own.shape[-2] == 1 else own[..., rows, :]
                result[runs, rows] = self._runs(samples[rows], masks, given)
        return result

    def _runs(self, samples: Tensor, masks: Tensor, values: Tensor) -> Tensor:
        """Outputs [B, n, O] of samples [n, 1, …], masks [B, K] and values [(B,) n or 1, K]."""
        active = frozenset(
            name for name, site in self.sites.sites.items() if masks[:, site.columns].any()
        )  # what comes before them is computed once for all runs

        def run(sample: Tensor, mask: Tensor, value: Tensor) -> Tensor:
            return self._run(sample, {}, active, mask, value)

        if not active:
            nothing = torch.zeros(0)
            return self._over(run, (0, None, None))(samples, nothing, nothing).expand(
                len(masks), -1, -1
            )
        of_run = 0 if values.ndim == 3 else None
        of_sample = 0 if values.shape[-2] > 1 else None
        values = values if of_sample == 0 else values.squeeze(-2)
        each_sample = self._over(run, (0, None, of_sample))
        return self._over(each_sample, (None, 0, of_run))(samples, masks, values)

    def _over(
        self, run: Callable[..., Tensor], dims: tuple[int | None, ...]
    ) -> Callable[..., Tensor]:
        """A function that runs over the first dimension of those arguments whose `dims` is 0."""
        return _vmapped(run, dims) if self.is_mapped else _looped(run, dims)

    def _run(
        self,
        sample: Tensor,
        recorded: dict[str, Tensor],
        active: Collection[str],
        mask: Tensor,
        values: Tensor,
    ) -> Tensor:
        """Outputs [O] of one sample; the sites' values are recorded, those of `active` replaced."""
        (name,) = self.program.inputs
        known: dict[str, Any] = {name: sample}
        left = self.program.uses.copy()

        def number(value: str) -> Any:
            return known[value] if value in known else self.constants[value]

        def operand(op: str, value: str) -> Any:
            elements = self.sites.taken.get(op, {}).get(value)
            if elements is None or value not in active:
                return number(value)
            site = self.sites.sites[value]
            here = number(value)
            instead = values[site.columns].reshape(site.shape)
            if instead.is_complex() and not here.is_complex():
                instead = instead.real  # all columns are complex if those of one site are
            instead = instead.to(here.dtype)
            chosen = (mask[site.columns] & elements).reshape(site.shape)
            return torch.where(chosen, instead, here)

        def record(value: str) -> None:
            if value in self.sites.sites and value not in recorded:
                recorded[value] = known[value]

        record(name)
        for op in self.ops:
            known[op.output] = _value(op, partial(operand, op.output))
            record(op.output)
            for value in op.inputs:
                left[value] -= 1
                if not left[value]:
                    known.pop(value, None)
        (result,) = (x for x in self.program.outputs if isinstance(x, Ref))
        outputs: Tensor = operand(RETURN, result.name).reshape(-1)
        return outputs

    @cached_property
    def _n_at_once(self) -> int:
        """Samples that are run at a time."""
        size = sum(math.prod(op.shape) for op in self.ops) + self.unit_of.size
        return max(1, _NUMBERS // size)

    def _single(self, inputs: Tensor) -> Tensor:
        """Inputs as a stack of batches of one [n, 1, …]."""
        (shape,) = self.program.inputs.values()
        if tuple(inputs.shape[1:]) != shape[1:]:
            raise FormatError(
                f"inputs are {list(inputs.shape)}, the net was traced on [n, "
                f"{', '.join(map(str, shape[1:]))}]: give samples of that shape"
            )
        return inputs.cpu().unsqueeze(1)


def _value(op: Op, operand: Callable[[str], Any]) -> Any:
    """The value of an operation, by one that is mapped over samples as a whole."""

    def filled(leaf: Any) -> Any:
        return operand(leaf.name) if isinstance(leaf, Ref) else leaf

    if op.name != "_native_batch_norm_legit_no_training":
        return op.run(filled)
    *tensors, momentum, epsilon = mapped(op.args, filled)
    return torch.ops.aten.native_batch_norm(*tensors, False, momentum, epsilon)


def _vmapped(run: Callable[..., Tensor], dims: tuple[int | None, ...]) -> Callable[..., Tensor]:
    mapped_run = vmap(run, dims)

    def all_at_once(*args: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):  # the other kernels are not mapped
            result: Tensor = mapped_run(*args)
            return result

    return all_at_once


def _looped(run: Callable[..., Tensor], dims: tuple[int | None, ...]) -> Callable[..., Tensor]:
    def one_by_one(*args: Tensor) -> Tensor:
        (n, *_) = (len(x) for x, dim in zip(args, dims, strict=True) if dim == 0)
        rows = (
            [x if dim is None else x[row] for x, dim in zip(args, dims, strict=True)]
            for row in range(n)
        )
        return torch.stack([run(*row) for row in rows])

    return one_by_one


def _can_be_mapped(net: TracedNet, example: Tensor) -> bool:
    """Whether all operations can run on many samples at once; recurrent layers cannot."""
    try:
        net.activations(example[:1])
    except RuntimeError as error:
        if "Batching rule not implemented" in str(error):
            return False
        raise
    return True


def _numbers_in(graph: NetGraph, fresh: NetGraph) -> NDArray[np.int64]:
    """The number in `graph` of each unit of a fresh trace [U]; −1: live() dropped it."""
    layers = {layer.name: layer for layer in fresh.layers}
    numbers = np.full(fresh.n_units, -1, dtype=np.int64)
    positions, fresh_positions = np.asarray(graph.positions), np.asarray(fresh.positions)
    for layer in graph.layers:
        whole, here = layers.get(layer.name), positions[layer.units]
        known = np.zeros(0, np.int32) if whole is None else fresh_positions[whole.units]
        order = np.argsort(known)
        found = np.searchsorted(known, here, sorter=order)
        same = known.size > 0 and np.array_equal(known[order[found % known.size]], here)
        if whole is None or not same:
            raise GraphError(
                f"layer {layer.name!r} of the graph has {layer.n_units} units, which the net does "
                "not have there: give the graph that netsculpt.trace makes of this net, or its "
                "live()"
            )
        numbers[whole.start + order[found]] = np.arange(layer.start, layer.stop)
    return numbers


def _changing(program: Program, shadows: Any) -> tuple[Op, ...]:
    """Operations whose value depends on the inputs."""
    changing, ops = set(program.inputs), []
    for op in program.ops:
        is_known = not any(isinstance(x, Activation) for x in leaves(shadows[op.output]))
        if is_known and changing.isdisjoint(op.inputs):
            continue  # masks that are inputs have a constant shadow, but change
        changing.add(op.output)
        ops.append(op)
    return tuple(ops)


def _constants(program: Program, shadows: Any) -> dict[str, Any]:
    """Values without what masks prune, computed once."""
    return {
        name: kept(shadow)
        for name, shadow in shadows.items()
        if name not in program.inputs and not any(isinstance(x, Activation) for x in leaves(shadow))
    }


def _require_plain(program: Program, ops: tuple[Op, ...]) -> None:
    random = next((op for op in ops if op.name in RANDOM), None)
    if random is not None:
        raise TopologyError(
            f"layer '{random.layer}' draws random numbers ({random.name}): what a unit does could "
            "not be told from chance. Trace a net without them"
        )
    results = [x for x in program.outputs if isinstance(x, Ref)]
    if len(results) != 1 or len(program.inputs) != 1:
        raise TopologyError(
            f"the net takes {len(program.inputs)} tensors and returns {len(results)}: one of each "
            "is needed; wrap it in a net that takes the samples and returns the outputs of the task"
        )
