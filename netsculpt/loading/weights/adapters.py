"""Low-rank adapters (LoRA) next to the weights that they change."""

from __future__ import annotations

import re

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.files.arrays import Array, SparseWeight, dense
from netsculpt.files.words import listed
from netsculpt.loading.weights.state import State

__all__ = ["without_adapters"]

_ADAPTER = re.compile(r"(.*\.)?lora_(A|B|embedding_A|embedding_B|magnitude_vector)(\..+)?")
_BASE = re.compile(r"((?:.*\.)?)base_layer\.([^.]+)")


def without_adapters(state: State, where: str) -> State:
    """A state without adapters that change nothing.

    The weight of a layer with an adapter is W + s·B·A (Hu et al. 2022, arXiv:2106.09685, eq. 3).
    The file does not hold the scale s, so only B = 0, an adapter before training, can be read.

    Raises
    ------
    FormatError
        If an adapter changes a weight, or the weights that adapters belong to are missing.
    """
    arrays = state.arrays
    adapters = {name: x for name, x in arrays.items() if _ADAPTER.fullmatch(name)}
    if not adapters:
        return state
    others = [name for name in arrays if name not in adapters]
    layers = {name.partition("lora_")[0] for name in adapters}
    lacking = [x for x in layers if not any(name.startswith(x) for name in others)]
    if lacking:
        raise FormatError(
            f"{where} holds adapters of {listed(lacking)} without the weights that they change: "
            "merge them where both are, model.merge_and_unload() of peft, and save the result"
        )
    changing = [name for name, x in adapters.items() if "_B" in name and _is_nonzero(x)]
    changing += [name for name in adapters if "magnitude" in name]
    if changing:
        raise FormatError(
            f"{where} holds weights and low-rank adapters of them ({listed(changing)}), whose "
            "scale is not in the file: merge them, model.merge_and_unload() of peft, and save the "
            "result; or name the net with --model, whose code contains the scale"
        )
    return State(
        {_BASE.sub(r"\1\2", name): arrays[name] for name in others},
        {_BASE.sub(r"\1\2", name): mask for name, mask in state.masks.items()},
    )


def _is_nonzero(array: Array) -> bool:
    values = array.matrix.data if isinstance(array, SparseWeight) else dense(array)
    return bool(np.any(values != 0))
