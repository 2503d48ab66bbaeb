"""Any net of torch that can be traced, run operation by operation on many samples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import vmap

from netsculpt.core.errors import FormatError, GraphError, TopologyError, first_line
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.example import Example
from netsculpt.tracing.export import exported
from netsculpt.tracing.fidelity.match import options_of
from netsculpt.tracing.fidelity.run import kept
from netsculpt.tracing.follow import followed
from netsculpt.tracing.norms import with_norms
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.program import RANDOM, Op, Program, Ref, leaves, mapped
from netsculpt.training.influence.intervening.intervenable import Intervenable
from netsculpt.training.influence.intervening.sites import RETURN, Sites

__all__ = ["TracedNet"]

_NUMBERS = 1 << 24  # values of operations that are held at a time


@dataclass(frozen=True, eq=False)
class TracedNet(Intervenable):
    """A net as it was when it was traced, in evaluation mode and in its own number types.

    Its operations run on one sample, and are mapped over samples and runs. Activations have a
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
        program = with_norms(exported(net, given.filled([x[:1] for x in given])))
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
        return cls(
            graph,
            np.where(columns >= 0, np.append(unit_of, -1)[columns], -1),
            found,
            program,
            constants,
            ops,
            sites,
        )

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
            nothing = torch.zeros(0)
            return torch.cat([nothing, *(recorded[name].flatten() for name in self.sites.sites)])

        parts = [
            _vmapped(run, (0,))(part) for part in torch.split(self._single(inputs), self._n_at_once)
        ]
        return torch.cat(parts)

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
            chosen = self.columns(units[runs])
            active = frozenset(
                name for name, site in self.sites.sites.items() if chosen[:, site.columns].any()
            )
            masks = torch.from_numpy(chosen)
            for start in range(0, n, self._n_at_once):
                rows = slice(start, start + self._n_at_once)
                given = values if values.shape[-2] == 1 else values[..., rows, :]
                given = given[runs] if given.ndim == 3 else given
                result[runs, rows] = self._mapped(samples[rows], active, masks, given)
        return result

    def _mapped(
        self, samples: Tensor, active: Collection[str], masks: Tensor, values: Tensor
    ) -> Tensor:
        """Outputs [B, n, O] of samples [n, 1, …], masks [B, K] and values [(B,) n or 1, K]."""

        def run(sample: Tensor, mask: Tensor, value: Tensor) -> Tensor:
            return self._run(sample, {}, active, mask, value)

        of_sample = None if values.shape[-2] == 1 else 0
        if of_sample is None:
            values = values.squeeze(-2)
        inner = _vmapped(run, (0, None, of_sample))
        n_runs = len(masks)
        of_run = 0 if values.ndim == (2 if of_sample is None else 3) else None
        if not active:
            return inner(samples, masks[0], values).expand(n_runs, -1, -1)
        outputs: Tensor = vmap(inner, (None, 0, of_run))(samples, masks, values)
        return outputs

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
            instead = values[site.columns].reshape(site.shape).to(here.dtype)
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
    """A function of one sample, mapped over samples."""
    mapped_run = vmap(run, dims)

    def quietly(*args: Tensor) -> Tensor:
        with warnings.catch_warnings():  # of operations that are mapped in a loop
            warnings.filterwarnings("ignore", message="There is a performance drop")
            try:
                result: Tensor = mapped_run(*args)
            except (RuntimeError, NotImplementedError) as error:
                raise TopologyError(
                    f"an operation of the net cannot be mapped over samples ({first_line(error)}): "
                    "units of nets with such operations cannot be replaced"
                ) from error
        return result

    return quietly


def _numbers_in(graph: NetGraph, fresh: NetGraph) -> NDArray[np.int64]:
    """The number in `graph` of each unit of a fresh trace [U]; −1: live() dropped it."""
    layers = {layer.name: layer for layer in fresh.layers}
    numbers = np.full(fresh.n_units, -1, dtype=np.int64)
    positions = np.asarray(graph.positions)
    for layer in graph.layers:
        whole = layers.get(layer.name)
        here = positions[layer.units]
        if whole is None or here.max(initial=-1) >= whole.n_units:
            raise GraphError(
                f"layer {layer.name!r} of the graph has {layer.n_units} units, which the net does "
                "not have there: give the graph that netsculpt.trace makes of this net, or its "
                "live()"
            )
        numbers[whole.start + here] = np.arange(layer.start, layer.stop)
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
