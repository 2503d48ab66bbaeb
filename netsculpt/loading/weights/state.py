"""Weights by name from a state dict, and the masks that pruning tools store in it."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.files.arrays import Array, SparseWeight, is_tensor
from netsculpt.files.words import listed, quoted, shape
from netsculpt.loading.weights.words import leaf

__all__ = [
    "State",
    "check_mask",
    "checkpoint_masks",
    "mask_owner",
    "named_tensors",
    "plain_name",
    "plain_state",
    "without_weight_norm",
]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module")  # the last by DeepSpeed
_MASK_WRAPPERS = ("masks", "mask")
_DEEPEST = 8
_INSERTED = frozenset(
    {
        *("module", "_orig_mod", "_layer"),  # by DataParallel, compile, pruners
        *("_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"),
    }
)
_PARAMETRIZED = re.compile(r"((?:.*\.)?)parametrizations\.([^.]+)\.(.+)")


@dataclass(frozen=True)
class State:
    """Tensors of a model under the names of its parameters, in file order."""

    arrays: Mapping[str, Array]
    masks: Mapping[str, Array]  # by the name of their weight


def named_tensors(value: Any, where: str, *, for_mask: bool = False) -> dict[str, Any]:
    """The tensors of a file by name, those of a list by number."""
    wrappers = (*_MASK_WRAPPERS, *_WRAPPERS) if for_mask else _WRAPPERS
    for _ in range(_DEEPEST):
        inner = _wrapped(value, wrappers)
        if inner is None:
            break
        value = inner
    if is_tensor(value):
        value = [value]
    if isinstance(value, list | tuple):
        value = {str(i): item for i, item in enumerate(value)}
    if not isinstance(value, dict):
        raise FormatError(
            f"{where} holds an object of type {type(value).__name__}: a state dict or a list of "
            "tensors is needed, as written by torch.save(model.state_dict(), 'weights.pt')"
        )
    tensors = _flat(value, for_mask=for_mask)
    if not tensors:
        keys = listed(value) or "nothing"
        raise FormatError(
            f"{where} holds no tensors where they are expected (its keys: {keys}): a state dict "
            f"is needed, alone or under {' or '.join(map(repr, wrappers))}. {_saving(value)}"
        )
    return tensors


def _saving(value: Mapping[Any, Any]) -> str:
    """How to save the tensors that lie under keys that nothing says are the net's."""
    nets = [name for name, x in value.items() if isinstance(x, dict) and _flat(x, for_mask=False)]
    if not nets:
        return "Save it as torch.save(model.state_dict(), 'weights.pt')"
    return (
        f"{listed(nets)} {'has' if len(nets) == 1 else 'have'} tensors: save the one you mean "
        f"alone, torch.save(checkpoint[{quoted(nets[0])}], 'weights.pt')"
    )


def _flat(value: Mapping[Any, Any], *, for_mask: bool) -> dict[str, Any]:
    """Tensors by name; masks may stand under their layer, ``{"fc1": {"weight": mask}}``."""
    tensors: dict[str, Any] = {}
    for name, x in value.items():
        if isinstance(name, str) and is_tensor(x):
            tensors[name] = x
        elif for_mask and isinstance(name, str) and isinstance(x, dict):
            tensors |= {
                f"{name}.{leaf}": inner
                for leaf, inner in x.items()
                if isinstance(leaf, str) and is_tensor(inner)
            }
    return tensors


def checkpoint_masks(value: Any) -> Any:
    """What a checkpoint holds under "masks" or "mask" next to its weights; None: nothing."""
    for _ in range(_DEEPEST):
        masks = _wrapped(value, _MASK_WRAPPERS)
        if masks is not None:
            return masks
        value = _wrapped(value, _WRAPPERS)
        if value is None:
            break
    return None


def plain_state(arrays: Mapping[str, Array], where: str, *, has_mask: bool = False) -> State:
    """Weights under their plain names, separated from the masks of pruning tools.

    `has_mask` means that there is another source of masks; without one, parametrised weights
    whose masks are not in the file are an error.
    """
    plain = _renamed(arrays, where)
    masks: dict[str, Array] = {}
    state: dict[str, Array] = {}
    for name, array in plain.items():
        if mask_owner(name, plain) is not None:
            continue
        if match := _PARAMETRIZED.fullmatch(name):
            if match[3] not in ("original", "original0"):
                continue
            weight = match[1] + match[2]
            state[weight], mask = _parametrized(weight, name, plain, where, has_mask=has_mask)
        elif name.endswith("_orig"):
            weight = name.removesuffix("_orig")
            state[weight], mask = array, plain.get(f"{weight}_mask")
            if mask is None and array.ndim >= 2 and not has_mask:
                raise FormatError(
                    f"{quoted(name)} in {where} has no {quoted(weight + '_mask')}, so it is "
                    "not a pruned weight (spectral norm?): call prune.remove or "
                    "remove_spectral_norm before saving, or give a mask file"
                )
        else:
            weight = name
            state[name] = array
            mask = _mask_of(name, plain)
        if mask is not None:
            check_mask(weight, mask, state[weight], where)
            masks[weight] = mask
    return State(state, masks)


def without_weight_norm(state: State, where: str, own: Container[str] = ()) -> State:
    """A state with the weights of the older `torch.nn.utils.weight_norm`, saved as …_g and …_v.

    Names that a net has itself, `own`, stay.
    """
    arrays: dict[str, Array] = {}
    masks = dict(state.masks)
    for name, array in state.arrays.items():
        weight = name[:-2]
        length, direction = state.arrays.get(f"{weight}_g"), state.arrays.get(f"{weight}_v")
        normed = leaf(name).startswith("weight") and name.endswith(("_g", "_v"))
        if not normed or length is None or direction is None or name in own:
            arrays[name] = array
        elif weight not in arrays:
            arrays[weight] = _weight_norm(weight, length, direction, where)
            if f"{weight}_v" in masks:
                masks[weight] = masks.pop(f"{weight}_v")
    return State(arrays, masks)


def check_mask(weight: str, mask: Array, array: Array, where: str) -> None:
    """Raise an error if a mask has another shape than its weight, or values other than 0 and 1."""
    if mask.shape != array.shape:
        layer = weight.removesuffix(".weight")
        transposed = mask.shape == array.shape[::-1]
        raise FormatError(
            f"mask of layer {quoted(layer)} is {shape(mask.shape)}, its weight is "
            f"{shape(array.shape)}: masks are [out, in] as in torch; "
            f"{'transpose it' if transposed else 'give the mask of this model'}. ({where})"
        )
    if not _is_binary(mask):
        raise FormatError(
            f"mask of {quoted(weight)} in {where} holds values other than 0 and 1: a mask says "
            "which weights are kept (1) and which are pruned (0). Save, for example, "
            "mask = weight != 0"
        )


def mask_owner(name: str, plain: Container[str]) -> str | None:
    """The tensor that this one masks; None if it is not a mask."""
    layer, dot, leaf = name.rpartition(".")
    if leaf == "mask":
        owners = [f"{layer}{dot}weight"]
    elif leaf.endswith("_mask"):
        base = leaf.removesuffix("_mask")
        owners = [f"{layer}{dot}{x}" for x in (base, base + "_orig", base.removeprefix("_"))]
    else:
        return None
    return next((owner for owner in owners if owner in plain), None)


def plain_name(name: str) -> str:
    """A parameter's name without the parts that wrappers insert.

    >>> plain_name("module._orig_mod.module.fc1.weight")
    'fc1.weight'
    """
    kept = [part for part in name.split(".") if part not in _INSERTED]
    return ".".join(kept) if kept else name


def _wrapped(value: Any, wrappers: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        return None
    kinds = (dict, list, tuple)
    return next((value[key] for key in wrappers if isinstance(value.get(key), kinds)), None)


def _renamed(arrays: Mapping[str, Array], where: str) -> dict[str, Array]:
    plain: dict[str, Array] = {}
    for name, array in arrays.items():
        short = plain_name(name)
        if short in plain:
            raise FormatError(
                f"{where} holds {quoted(short)} twice, with and without a wrapper's prefix "
                f"({quoted(name)}): save one model only"
            )
        plain[short] = array
    return plain


def _mask_of(weight: str, plain: Mapping[str, Array]) -> Array | None:
    """The mask buffer of a weight, under any of the usual names."""
    layer, dot, leaf = weight.rpartition(".")
    candidates = [f"{weight}_mask", f"{layer}{dot}_{leaf}_mask"]
    if leaf == "weight":
        candidates.append(f"{layer}{dot}mask")
    return next((plain[name] for name in candidates if name in plain), None)


def _parametrized(
    weight: str, name: str, plain: Mapping[str, Array], where: str, *, has_mask: bool
) -> tuple[Array, Array | None]:
    stem = name.removesuffix("original").removesuffix("original0")
    array = plain[name]
    if name.endswith("original0"):
        array = _weight_norm(weight, array, plain.get(f"{stem}original1"), where)
    buffers = {
        key: x
        for key, x in plain.items()
        if key.startswith(stem) and key.removeprefix(stem)[:1].isdigit()
    }
    masks = [x for x in buffers.values() if x.shape == array.shape and _is_binary(x)]
    if len(masks) < len(buffers):
        raise FormatError(
            f"{quoted(weight)} in {where} is parametrised with {listed(buffers)}, whose effect is "
            "unknown: call torch.nn.utils.parametrize.remove_parametrizations before "
            "saving"
        )
    if len(masks) > 1:
        return array, np.logical_and.reduce([np.asarray(x) != 0 for x in masks])
    if not masks and name.endswith("original") and array.ndim >= 2 and not has_mask:
        raise FormatError(
            f"{quoted(weight)} in {where} is parametrised without its mask (torch.ao.pruning does "
            "not save it): call sparsifier.squash_mask() before saving, or give the mask with "
            "--mask"
        )
    return array, masks[0] if masks else None


def _weight_norm(weight: str, length: Array, direction: Array | None, where: str) -> Array:
    """Weight normalisation, g · v / ‖v‖ over all axes but the first (arXiv:1602.07868, eq. 2)."""
    if isinstance(length, np.ndarray) and isinstance(direction, np.ndarray) and direction.ndim > 1:
        axes = tuple(range(1, direction.ndim))
        norm = np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
        if length.shape == norm.shape:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(direction * (length / norm))
    raise FormatError(
        f"{quoted(weight)} in {where} is parametrised by two tensors that are not those of weight "
        "norm, [out, 1, …] and [out, in, …]: call "
        "torch.nn.utils.parametrize.remove_parametrizations (or remove_weight_norm, for tensors "
        "that end in _g and _v) before saving"
    )


def _is_binary(array: Array) -> bool:
    values = array.matrix.data if isinstance(array, SparseWeight) else array
    return values.dtype == np.bool_ or bool(((values == 0) | (values == 1)).all())
