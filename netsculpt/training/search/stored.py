"""Genomes as tensors, for the saved state of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.genome import Genome

__all__ = ["packed", "unpacked"]

_ARRAYS: Final = {
    "hidden": np.int32,
    "activations": np.int8,
    "innovations": np.int32,
    "sources": np.int32,
    "targets": np.int32,
    "enabled": np.bool_,
}


def packed(genomes: Sequence[Genome]) -> dict[str, Any]:
    """The arrays of all genomes, one after another, and their lengths."""
    import torch

    arrays = {name: [getattr(genome, name) for genome in genomes] for name in _ARRAYS}
    empty: dict[str, NDArray[Any]] = {name: np.zeros(0, dtype) for name, dtype in _ARRAYS.items()}
    return {
        name: {
            "values": torch.from_numpy(np.concatenate([empty[name], *parts])),
            "lengths": [part.size for part in parts],
        }
        for name, parts in arrays.items()
    }


def unpacked(content: Mapping[str, Any], n_inputs: int, n_outputs: int) -> list[Genome]:
    """The genomes of `packed`."""
    columns = [_split(content[name], dtype) for name, dtype in _ARRAYS.items()]
    genomes = [Genome(n_inputs, n_outputs, *arrays) for arrays in zip(*columns, strict=True)]
    for genome in genomes:
        _check(genome)
    return genomes


def _split(content: Mapping[str, Any], dtype: type[np.generic]) -> list[NDArray[Any]]:
    values = content["values"].numpy()
    lengths = np.array(content["lengths"], dtype=np.int64)
    if values.dtype != dtype or values.ndim != 1 or lengths.sum() != values.size:
        raise FormatError("a genome is damaged")
    return np.split(values, np.cumsum(lengths)[:-1]) if lengths.size else []


def _check(genome: Genome) -> None:
    units = np.concatenate([np.arange(genome.n_fixed), genome.hidden])
    good = (
        genome.sources.size == genome.targets.size == genome.enabled.size
        and genome.n_units == units.size
        and bool((np.diff(units) > 0).all())
        and bool(np.isin(genome.sources, units).all() and np.isin(genome.targets, units).all())
        and bool(((genome.activations >= 0) & (genome.activations < len(WANN_ACTIVATIONS))).all())
    )
    if not good:
        raise FormatError("a genome is damaged")
