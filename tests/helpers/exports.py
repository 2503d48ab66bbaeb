"""What `torch.export` does again and again, done once: most of the time of a test that traces."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import exported_program

from netsculpt.tracing import export

USERS = [import_module(f"netsculpt.tracing.{x}") for x in ("trace", "fidelity.checks")]


def _registered() -> tuple[int, int]:
    """What changes when somebody registers an operation."""
    composite = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
    return len(composite), len(torch.ops._dir)


def list_operations_once() -> None:
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


def _same(given: Any) -> Any:
    if isinstance(given, torch.Tensor) and given.numel() < 1000 and given.layout == torch.strided:
        return given.dtype, given.shape, str(given.tolist())
    return id(given)


def share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `trace` and `fidelity` share the export of a net, as long as it stays as it is."""
    kept: dict[Any, tuple[Any, ...]] = {}

    def exported(net: nn.Module, example: Any) -> Any:
        given = example if isinstance(example, tuple | list) else (example,)
        tensors = [*net.parameters(), *net.buffers()]
        state = ((id(x), x._version, _same(x)) for x in tensors)
        key = (id(net), *map(_same, given), *state)
        if key not in kept:
            kept[key] = export.exported(net, example), net, given, tensors  # so that ids stay
        return kept[key][0]

    for user in USERS:
        monkeypatch.setattr(user, "exported", exported)
