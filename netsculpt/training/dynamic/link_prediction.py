r"""Cannistraci–Hebb link prediction: where a layer would connect, judged by its mask alone.

A layer is a bipartite graph of its outputs u and its inputs v (times the taps of a kernel). A link
u–v that is missing is likely if many paths u–z₁–z₂–v of length three lead around it, and if the
inner units have few links elsewhere. Of the links of z₂, an output that v feeds,

.. math:: e(u, z_2) = \deg z_2 - |N_u \cap N_{z_2}|

do not return to neighbours of u: the one to v, which counts as 1, and those that lead elsewhere.
Likewise e(v, z₁) for z₁. Muscoloni, Michieli and Cannistraci, "Adaptive network automata modelling
of complex networks", 2020; for layers Zhang et al., "Epitopological learning and Cannistraci–Hebb
network shape intelligence brain-inspired theory for ultra-sparse advantage in deep learning",
ICLR 2024.

Each term is rounded to a multiple of 2⁻³⁰, so that the sums are exact: equivalent units have equal
scores, however they are numbered and however many threads add.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from netsculpt.core.compiled import compiled
from netsculpt.core.parallel import in_threads

__all__ = ["path_scores", "unit_scores"]

_UNIT = 2.0**-30
_CHUNKS = 8  # of rows, for each thread: they differ in length


def unit_scores(kept: Tensor, *, count_shared: bool) -> Tensor:
    r"""Score of every link by the units next to its ends.

    .. math::
        s(u, v) = \sum_{z \sim v} \frac{c(u, z)}{e(u, z)} + \sum_{z \sim u} \frac{c(v, z)}{e(v, z)}

    over the outputs z of v that share inputs with u, and the inputs z of u that share outputs with
    v. c is 1, or with `count_shared` 1 + the number that they share.

    Parameters
    ----------
    kept
        Mask of a layer, boolean [out, in, …].
    count_shared
        Whether units that share more count more: CH2-L3n instead of CH3-L3n.

    Returns
    -------
    Tensor
        Float64, of the shape of the mask, on the CPU: 0 where no path of length three leads. The
        scores of links that are kept mean nothing. O(paths of length three) in time, O(out · in)
        in memory.

    Examples
    --------
    >>> unit_scores(torch.tensor([[True, True], [True, False]]), count_shared=False)[1, 1].item()
    2.0
    """
    outputs, inputs = _neighbours(kept)
    scores = np.zeros((len(outputs[0]) - 1, len(inputs[0]) - 1))
    _in_chunks(_add_unit_scores, outputs, inputs, count_shared, scores)
    _in_chunks(_add_unit_scores, inputs, outputs, count_shared, scores.T)
    return torch.from_numpy(scores).reshape(kept.shape)


def path_scores(kept: Tensor) -> Tensor:
    r"""Score of every link by the paths around it, each with both of its inner units.

    .. math:: s(u, v) = \sum_{u \sim z_1 \sim z_2 \sim v} (e(v, z_1) \, e(u, z_2))^{-1/2}

    Parameters
    ----------
    kept
        Mask of a layer, boolean [out, in, …].

    Returns
    -------
    Tensor
        As `unit_scores`: CH3-L3p.

    Examples
    --------
    >>> path_scores(torch.tensor([[True, True], [True, False]]))[1, 1].item()
    1.0
    """
    outputs, inputs = _neighbours(kept)
    scores = np.zeros((len(outputs[0]) - 1, len(inputs[0]) - 1))
    _in_chunks(_add_path_scores, outputs, inputs, scores)
    return torch.from_numpy(scores).reshape(kept.shape)


Lists = tuple[NDArray[np.int64], NDArray[np.int64]]  # where the list of each unit starts, all lists


def _neighbours(kept: Tensor) -> tuple[Lists, Lists]:
    """The inputs of each output and the outputs of each input."""
    links = csr_array(kept.flatten(1).cpu().numpy())
    sides = links, links.T.tocsr()
    (outputs, inputs) = ((x.indptr.astype(np.int64), x.indices.astype(np.int64)) for x in sides)
    return outputs, inputs


def _in_chunks(add: Any, near: Lists, *rest: Any) -> None:
    n_units, n_threads = len(near[0]) - 1, torch.get_num_threads()
    ends = np.linspace(0, n_units, n_threads * _CHUNKS + 1).astype(np.int64)
    list(in_threads(lambda chunk: add(*chunk, near, *rest), pairwise(ends), n_threads))


@compiled
def _add_unit_scores(
    start: int, stop: int, near: Any, far: Any, count_shared: bool, scores: Any
) -> None:
    """Add for the units u of one side the sum over the other units z of that side."""
    (near_first, near_list), (far_first, far_list) = near, far
    shared = np.zeros(near_first.size - 1, np.int64)
    touched = np.empty(near_first.size - 1, np.int64)
    sums = np.zeros(far_first.size - 1, np.int64)
    for u in range(start, stop):
        n_touched = 0
        for unit in near_list[near_first[u] : near_first[u + 1]]:
            for z in far_list[far_first[unit] : far_first[unit + 1]]:
                if not shared[z]:
                    touched[n_touched] = z
                    n_touched += 1
                shared[z] += 1
        for z in touched[:n_touched]:
            degree = near_first[z + 1] - near_first[z]
            numerator = 1.0 + shared[z] if count_shared else 1.0
            term = np.int64(np.rint(numerator / max(1, degree - shared[z]) / _UNIT))
            shared[z] = 0
            for v in near_list[near_first[z] : near_first[z + 1]]:
                sums[v] += term
        for v in range(sums.size):
            scores[u, v] += sums[v] * _UNIT
            sums[v] = 0


@compiled
def _add_path_scores(start: int, stop: int, outputs: Any, inputs: Any, scores: Any) -> None:
    """Add for some outputs u the sums over all paths from u."""
    (out_first, out_list), (in_first, in_list) = outputs, inputs
    n_out, n_in = out_first.size - 1, in_first.size - 1
    with_u, root = np.zeros(n_out, np.int64), np.empty(n_out)  # shared with u; 1 / √e(u, z₂)
    ways, sums = np.zeros(n_in, np.int64), np.zeros(n_in, np.int64)  # z₁–z₂–v for each v
    for u in range(start, stop):
        for z1 in out_list[out_first[u] : out_first[u + 1]]:
            for z2 in in_list[in_first[z1] : in_first[z1 + 1]]:
                with_u[z2] += 1
        for z2 in range(n_out):
            root[z2] = 1 / np.sqrt(max(1, out_first[z2 + 1] - out_first[z2] - with_u[z2]))
            with_u[z2] = 0
        for z1 in out_list[out_first[u] : out_first[u + 1]]:
            degree = in_first[z1 + 1] - in_first[z1]
            for z2 in in_list[in_first[z1] : in_first[z1 + 1]]:
                for v in out_list[out_first[z2] : out_first[z2 + 1]]:
                    ways[v] += 1
            for z2 in in_list[in_first[z1] : in_first[z1 + 1]]:
                for v in out_list[out_first[z2] : out_first[z2 + 1]]:
                    term = root[z2] / np.sqrt(max(1, degree - ways[v]))
                    sums[v] += np.int64(np.rint(term / _UNIT))
            for z2 in in_list[in_first[z1] : in_first[z1 + 1]]:
                for v in out_list[out_first[z2] : out_first[z2 + 1]]:
                    ways[v] = 0
        for v in range(n_in):
            scores[u, v] += sums[v] * _UNIT
            sums[v] = 0
