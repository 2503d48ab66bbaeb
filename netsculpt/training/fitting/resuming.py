"""The checkpoint of a training: a dict that ``torch.load(weights_only=True)`` reads.

    {"format": "netsculpt training", "version": 1,
     "about": {"recipe": …, "task": …, "net": …, "seed": …},  what must be the same to go on
     "state": {"fc1.weight": tensor, …},                      the net's, masks among it
     "optimizer": …, "best_state": …, "history": [{"epoch": 1, …}, …]}

All random numbers of an epoch are drawn from streams that the seed and the epoch name, and the
learning rate follows from the step: no other state is left to save.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.writing import replacing
from netsculpt.files.checkpoint import read_tensors
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.tasks import Task

__all__ = ["about", "check_same", "read", "write"]

_FORMAT = "netsculpt training"
_VERSION = 1
_PARTS = {"about": dict, "state": dict, "optimizer": dict, "best_state": dict, "history": list}


def about(net: nn.Module, task: Task, recipe: Recipe) -> dict[str, Any]:
    """What a training is of, in JSON's types: enough to tell it from any other."""
    samples = {"inputs": task.inputs, "targets": task.targets}
    validation = {"inputs": task.validation.inputs, "targets": task.validation.targets}
    content = {
        "recipe": dataclasses.asdict(recipe),
        "task": {
            "name": task.name,
            "goal": str(task.goal),
            "samples": _digest(samples),
            "validation": _digest(validation),
        },
        "net": {
            "layers": {
                name: f"{type(layer).__name__}({layer.extra_repr()})"
                for name, layer in net.named_modules()
            },
            "shapes": {name: list(x.shape) for name, x in net.state_dict().items()},
            "initial state": _digest(net.state_dict()),
        },
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def check_same(found: Mapping[str, Any], given: Mapping[str, Any], path: Path) -> None:
    """Raise `FormatError`, which names the difference, unless both say the same."""
    difference = _difference(found, given)
    if difference is not None:
        name, before, now = difference
        raise FormatError(
            f"{path} is of a training with {name} {before!r:.80}, this is {now!r:.80}: give the "
            "same net, task, recipe and seed to go on with it, or another path to begin anew"
        )


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint: whole or not at all. Its tensors go to the CPU."""
    whole = {"format": _FORMAT, "version": _VERSION, **content}
    with replacing(path) as file:
        torch.save(_on_cpu(whole), file)


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running code from it; its tensors are on the CPU."""
    try:
        content = read_tensors(path)
    except FormatError as error:
        raise FormatError(_refused(path, str(error))) from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FormatError(_refused(path, "it says another format"))
    if content.get("version") != _VERSION:
        raise FormatError(_refused(path, f"it is of version {content.get('version')!r:.40}"))
    for part, kind in _PARTS.items():
        if not isinstance(content.get(part), kind):
            raise FormatError(_refused(path, f"{part} is missing"))
    if type(content["about"].get("seed")) is not int:
        raise FormatError(_refused(path, "its seed is missing"))
    return content


def _refused(path: Path, reason: str) -> str:
    return (
        f"{path} is no checkpoint of a training that this netsculpt can go on with ({reason:.200})"
        ": remove it to begin anew, or name another path"
    )


def _difference(found: Any, given: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """Where two values of JSON differ first."""
    if isinstance(found, dict) and isinstance(given, dict):
        for key in [*found, *(key for key in given if key not in found)]:
            inner = _difference(found.get(key), given.get(key), f"{name} {key}".strip())
            if inner is not None:
                return inner
        return None
    return None if found == given else (name, found, given)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return f"sha256:{digest.hexdigest()}"


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_on_cpu, value))
    return value
