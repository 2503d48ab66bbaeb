"""Match the masks of a mask file to the weights they belong to: by name, or in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import sparse

from netsculpt.core.errors import FormatError
from netsculpt.files.arrays import Array, SparseWeight, as_arrays
from netsculpt.files.words import listed, quoted, shape
from netsculpt.loading.weights.state import State, check_mask, plain_name, plain_state

__all__ = ["masked"]


def masked(state: State, tensors: Mapping[str, Any], *, max_bytes: int, where: str) -> State:
    """The state with the masks in `tensors`, from a mask file, added.

    Masks of vectors (biases, norms) are ignored: they do not define edges.
    """
    named = list(tensors) != [str(i) for i in range(len(tensors))]
    arrays = as_arrays(tensors, max_bytes=max_bytes, where=where)
    weights = {name: x for name, x in state.arrays.items() if x.ndim >= 2}
    vectors = [f"{quoted(name)} {shape(x.shape)}" for name, x in arrays.items() if x.ndim == 1]
    if vectors and len(vectors) == len(arrays):
        raise FormatError(
            f"{where} holds vectors only ({', '.join(vectors[:8])}), such as masks of units: masks "
            "of weights are needed, [out, in] as in torch. For units that are kept, repeat the "
            "mask along the weight's rows: mask[:, None].expand_as(weight)"
        )
    masks = _by_name(arrays, weights, where) if named else _in_order(arrays, weights, where)
    for name, mask in masks.items():
        check_mask(name, mask, weights[name], where)
        if name in state.masks and not _equal(mask, state.masks[name]):
            raise FormatError(
                f"the model has a mask of {quoted(name)} that differs from the one in {where}: "
                "leave out the mask file, or remove the model's own mask before saving"
            )
    return State(state.arrays, {**state.masks, **masks})


def _in_order(
    arrays: Mapping[str, Array], weights: Mapping[str, Array], where: str
) -> dict[str, Array]:
    masks = [mask for mask in arrays.values() if mask.ndim >= 2]
    if len(masks) != len(weights):
        raise FormatError(
            f"{where} lists {len(masks)} masks ({_shapes(masks)}), the model has {len(weights)} "
            f"weights ({_shapes(weights.values())}): one mask per weight is needed, in order, "
            "or a dict by name"
        )
    return dict(zip(weights, masks, strict=True))


def _by_name(
    arrays: Mapping[str, Array], weights: Mapping[str, Array], where: str
) -> dict[str, Array]:
    pruned = plain_state(arrays, where, has_mask=True).masks
    masks = pruned or {plain_name(name): x for name, x in arrays.items() if x.ndim >= 2}
    owner = {alias: name for name in weights for alias in _aliases(name)}
    strangers = [name for name in masks if name not in owner]
    if strangers or not masks:
        raise FormatError(
            f"{where} holds masks named {listed(strangers) or 'nothing'}, the model's weights are "
            f"{listed(weights)}: name masks like their weights, or give a list in their order"
        )
    return {owner[name]: mask for name, mask in masks.items()}


def _aliases(weight: str) -> Iterator[str]:
    """Names that the mask of a weight may have."""
    layer, dot, leaf = weight.rpartition(".")
    yield from (f"{weight}_mask", f"{layer}{dot}_{leaf}_mask", weight)
    if leaf == "weight" and layer:
        yield from (f"{layer}.mask", layer)


def _equal(a: Array, b: Array) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(((a != 0) == (b != 0)).all())
    difference = _kept(a) != _kept(b)
    return int(difference.nnz) == 0


def _kept(mask: Array) -> Any:
    """The kept entries as a sparse matrix."""
    matrix = mask.matrix if isinstance(mask, SparseWeight) else mask.reshape(len(mask), -1)
    return sparse.csr_array(matrix != 0)


def _shapes(arrays: Any) -> str:
    return ", ".join(shape(x.shape) for x in list(arrays)[:8])
