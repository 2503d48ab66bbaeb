"""What `torch.export` does again and again, done once: most of the time of a test that traces."""

from __future__ import annotations

import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch._decomp.decompositions_for_rng import PhiloxState
from torch._subclasses import fake_impls
from torch.export import exported_program
from torch.fx import graph_module
from torch.utils import _pytree

from netsculpt.tracing import export
from netsculpt.tracing.example import Example

USERS = ("tracing.trace", "tracing.fidelity.checks", "training.pruning.walks.from_net")


def _registered() -> tuple[int, int]:
    """What changes when somebody registers an operation."""
    composite = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
    return len(composite), len(torch.ops._dir)


def hasten() -> None:
    """Let torch do all of that once."""
    _list_operations_once()
    _register_once()
    _compile_once()
    _share_random_states()
    _export_equal_nets_once()


def _list_operations_once() -> None:
    """Let torch list its operations once, and again where somebody registered one.

    It does so for every export, which takes a fifth of the time that one of a small net takes.
    """
    if not hasattr(exported_program, "_collect_all_valid_cia_ops"):
        return  # another version of torch, which may do without
    collect: Callable[[], Collection[Any]] = exported_program._collect_all_valid_cia_ops
    collected: dict[tuple[int, int], Collection[Any]] = {}

    def operations() -> Collection[Any]:
        key = _registered()
        if key not in collected:
            collected.clear()
            collected[key] = collect()
        return collected[key]

    exported_program._collect_all_valid_cia_ops = operations


def _register_once() -> None:
    """Let torch make its kernels of operations once, and put them in their places again.

    It registers ten thousand for every export, which takes longer than the rest of one of a small
    net, and removes them again. Where an operation has got other kernels since, all are made again.
    """
    if not hasattr(exported_program, "_override_composite_implicit_decomp"):
        return
    override = exported_program._override_composite_implicit_decomp
    rules = fake_impls.op_implementations_dict
    asked: list[tuple[Any, Any]] = []  # operations, and what each is to become
    found: list[tuple[Any, ...]] = []  # of each: its kernels before, and what to put there
    found_rules: dict[Any, Any] = {}
    made_rules: dict[Any, Any] = {}

    def is_as_found(operations: Mapping[Any, Any]) -> bool:
        return (
            list(operations.items()) == asked
            and rules == found_rules
            and all(op.py_kernels == kernels for op, kernels, _ in found)
        )

    def keep(operations: Mapping[Any, Any], before: list[Any], rules_before: Any) -> None:
        asked[:] = operations.items()
        found[:] = [
            (op, kernels, op.py_kernels.copy())
            for op, kernels in zip(operations, before, strict=True)
        ]
        for rules_kept, seen in ((found_rules, rules_before), (made_rules, rules)):
            rules_kept.clear()
            rules_kept.update(seen)

    @contextmanager
    def overridden(operations: Mapping[Any, Any]) -> Iterator[None]:
        if not operations or not is_as_found(operations):
            before, rules_before = [op.py_kernels.copy() for op in operations], rules.copy()
            with override(operations):
                if operations:
                    keep(operations, before, rules_before)
                yield
            return
        for op, _, made in found:
            op.py_kernels.update(made)
            op._dispatch_cache.clear()
        rules.update(made_rules)
        try:
            yield
        finally:
            for op, kernels, _ in found:
                op.py_kernels.clear()
                op.py_kernels.update(kernels)
                op._dispatch_cache.clear()
            for op in made_rules.keys() - found_rules.keys():
                rules.pop(op, None)

    exported_program._override_composite_implicit_decomp = overridden


def _compile_once() -> None:
    """Let torch compile the text of a program once, however many of its copies have it."""
    if not hasattr(graph_module, "_exec_with_source"):
        return

    @lru_cache
    def code(text: str) -> CodeType:
        return compile(text, "<program of torch.fx>", "exec", dont_inherit=True)

    def run(text: str, names: dict[str, Any], _: object = None) -> None:
        exec(code(text), names)

    graph_module._exec_with_source = run


def _share_random_states() -> None:
    """Let the states of torch's random generators that no export uses be the same empty tensor."""
    empty = torch.tensor(())

    def reset(state: Any) -> None:
        state.seed = state.base_offset = empty
        state.relative_offset = 0
        state.offset_advanced_at_least_once = False

    PhiloxState.reset = reset


def _export_equal_nets_once() -> None:
    """Let small nets that are the same to the byte share a program, each with its own tensors."""
    export_net = torch.export.export
    programs: dict[bytes, Any] = {}

    def exported(net: nn.Module, args: Any, kwargs: Any = None, **options: Any) -> Any:
        content = _content(net, (args, kwargs)) if options == {"strict": False} else None
        if content is None:
            return export_net(net, args, kwargs, **options)
        if content not in programs:
            programs[content] = export_net(net, args, kwargs, strict=False).run_decompositions({})
        return _OfNet(programs[content], net)

    torch.export.export = exported


@dataclass(frozen=True)
class _OfNet:
    """The program of a net, or of one that was the same."""

    program: Any
    net: nn.Module

    def run_decompositions(self, _: Any) -> Any:
        """What is read of it, with the net's tensors."""
        parameters, buffers = self.net.named_parameters, self.net.named_buffers
        tensors = (*parameters(remove_duplicate=False), *buffers(remove_duplicate=False))
        names = ("graph", "graph_signature", "constants", "call_spec")
        read = {name: getattr(self.program, name) for name in names}
        return SimpleNamespace(**read, state_dict=dict(tensors))


class _ByContent(pickle.Pickler):
    """Writes equal tensors as equal bytes; those that share memory are told from others."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.memory: dict[int, int] = {}  # numbers of pieces of memory, in their order

    def reducer_override(self, given: Any) -> Any:
        if isinstance(given, OrderedDict) and all(isinstance(x, int) for x in given):
            return list, (list(given.values()),)  # hooks: torch numbers all that it ever had
        if not isinstance(given, torch.Tensor):
            return NotImplemented
        start = given.untyped_storage().data_ptr()
        place = self.memory.setdefault(start, len(self.memory)), given.data_ptr() - start
        form = str(given.dtype), tuple(given.shape), given.stride(), given.requires_grad
        return type(given), (place, form, given.detach().cpu().numpy().tobytes())


def _content(net: nn.Module, given: Any) -> bytes | None:
    """All that the program of a net depends on, if nothing but torch and netsculpt made it."""
    homes = ("torch.nn.modules.", "netsculpt.nets.")
    if not all(type(layer).__module__.startswith(homes) for layer in net.modules()):
        return None
    if sum(x.numel() for x in (*net.parameters(), *net.buffers())) > 100_000:
        return None
    written = io.BytesIO()
    try:
        _ByContent(written).dump((net, given, torch.get_default_dtype(), torch.is_grad_enabled()))
        return written.getvalue()
    except (AttributeError, TypeError, RuntimeError, pickle.PicklingError):
        return None  # a hook that a test defines


def _same(given: Any) -> Any:
    """A key that equal inputs share; of large tensors, only the same ones do."""
    if given is None or isinstance(given, bool | int | float | str):
        return given
    if isinstance(given, torch.Tensor) and given.numel() < 1000 and given.layout == torch.strided:
        return given.dtype, given.shape, str(given.tolist())
    return id(given)


def share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that follows a net share its export, as long as the net stays as it is."""
    kept: dict[Any, tuple[Any, ...]] = {}

    def exported(net: nn.Module, example: Any) -> Any:
        given = Example.of(net, example)
        values, form = _pytree.tree_flatten((given.args, dict(given.kwargs)))
        tensors = [*net.parameters(), *net.buffers()]
        state = ((id(x), x._version, _same(x)) for x in tensors)
        key = (id(net), str(form), *map(_same, values), *state)
        if key not in kept:
            kept[key] = export.exported(net, given), net, values, tensors  # so that ids stay
        return kept[key][0]

    for user in (f"netsculpt.{x}" for x in USERS):
        if user in sys.modules:  # of training only where a test imports it
            monkeypatch.setattr(sys.modules[user], "exported", exported)
