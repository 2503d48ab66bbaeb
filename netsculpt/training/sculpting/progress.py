"""Checks of a saved sculpting: whether it can be what this sculpting has come to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.sculpting.stack import Stack

__all__ = ["STAGES", "check_like", "check_replicas", "check_rows", "check_runs"]

STAGES = ("dense", "units", "retraining", "edges", "single edges", "finished")

# How many of (seed, unit gradient, edge gradient) name a run, by stage.
_NAMED_BY = {"dense": 1, "units": 2, "retraining": 2, "edges": 3, "single edges": 3, "finished": 3}


def check_like(value: Any, name: str, kind: torch.dtype, shape: Sequence[int]) -> None:
    """Raise unless a value is a dense tensor on the CPU of this type and shape."""
    good = isinstance(value, Tensor) and value.device.type == "cpu"
    if not good or (value.dtype, value.layout) != (kind, torch.strided):
        raise FormatError(f"its {name!r:.40} is not a tensor of {kind}")
    if list(value.shape) != list(shape):
        raise FormatError(f"its {name!r:.40} is {list(value.shape)}, not {list(shape)}")


def check_runs(stage: str, runs: Sequence[tuple[Any, ...]], sizes: Sequence[int]) -> None:
    """Raise unless the runs are named by places among `sizes` seeds and gradients, in order."""
    if not runs and stage != "finished":
        raise FormatError(f"it has no run in stage {stage!r}")
    for run in runs:
        places = all(type(x) is int and 0 <= x < n for x, n in zip(run, sizes, strict=False))
        if len(run) != _NAMED_BY[stage] or not places:
            raise FormatError(f"a run in stage {stage!r} is named {run!r:.40}")
    if any(a >= b for a, b in pairwise(runs)):
        raise FormatError("its runs are not in order, each once")


def check_rows(active: Any, n_runs: int, *, ended: bool) -> None:
    """Raise unless `active` are rows of runs in order; none if all has ended, else at least one."""
    check_like(active, "active", torch.int64, [active.numel()])
    rows = active.tolist()
    good = all(0 <= row < n_runs for row in rows) and all(a < b for a, b in pairwise(rows))
    if not good or ended != (not rows):
        raise FormatError(f"its active runs are {rows!r:.40} of {n_runs}")


def check_replicas(saved: Any, like: Stack, n_replicas: int) -> None:
    """Raise unless saved replicas have the tensors of `like`, finite, and 0 where pruned."""
    for part, fresh in (("parameters", like.parameters), ("masks", like.masks)):
        if saved[part].keys() != fresh.keys():
            raise FormatError(f"its {part} are of another net")
        for name, tensor in fresh.items():
            check_like(saved[part][name], name, tensor.dtype, [n_replicas, *tensor.shape[1:]])
    for name, values in saved["parameters"].items():
        if not torch.isfinite(values).all():
            raise FormatError(f"its {name!r} is not finite")
        if values[~saved["masks"][name]].any():
            raise FormatError(f"its {name!r} has values where it is pruned")
