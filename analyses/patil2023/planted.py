"""Networks with the planted structure of the tasks, in files like the published ones."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.random import stream
from patil2023.networks import INDEX
from patil2023.truth import Truth, truth_of

__all__ = ["write_planted"]

_TASKS = {
    "input_overlap_exp-overlap_0_use_1": (8, 2, 2),
    "input_overlap_exp-overlap_0_use_4": (8, 2, 8),
    "input_overlap_exp-overlap_2_use_4": (6, 3, 2, 8),
    "exemplars-input_separable": (4, 2, 4),
    "exemplars-non_modular": (4, 1, 4),
    "exemplars-reused": (4, 1, 2, 16),
}
_WIDTH = 24
_READERS = 3
_SEEDS = (0, 1)


def write_planted(folder: Path, *, seed: int) -> None:
    """Write two networks for each of six tasks, weights and masks, and their index."""
    index = []
    for experiment, task in _TASKS.items():
        (folder / experiment).mkdir(parents=True)
        for run in _SEEDS:
            rng = stream(seed, "planted", experiment, run)
            masks, modules = _planted(truth_of(task), task[-1], rng)
            arch = [masks[0].shape[1], *(mask.shape[0] for mask in masks)]
            name = f"{experiment}/{'-'.join(map(str, arch))}-seed{run}"
            _write(folder / name, masks, rng)
            row = {"id": name, "experiment": experiment, "task": task, "arch": arch, "seed": run}
            index.append({**row, "modules": modules})
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def _planted(
    truth: Truth, n_outputs: int, rng: np.random.Generator
) -> tuple[list[NDArray[np.float32]], list[int]]:
    """Masks [out, in] and modules of a network with two hidden layers.

    Three units read the inputs of each function, or of all functions if they read the same ones;
    one unit of the second layer computes each function.
    """
    n_functions, letters = len(truth.functions), sorted(set(truth.inputs))
    function_of = truth.output_functions(n_outputs)
    reads = np.array([truth.reads(f) for f in range(n_functions)])
    shared = bool(reads.all())
    user = np.repeat(np.arange(1 if shared else n_functions), _READERS)
    masks = [
        reads[user],
        np.arange(n_functions)[:, None] == user if not shared else np.ones((n_functions, _READERS)),
        function_of[:, None] == np.arange(n_functions),
    ]
    disjoint = all(len(read) == 1 for read in truth.functions) and len(letters) == n_functions
    own = np.arange(n_functions) + (0 if disjoint else len(letters))
    first, second = (rng.permutation(_WIDTH)[: len(mask)] for mask in masks[:2])
    modules = [
        *(letters.index(letter) for letter in truth.inputs),
        *(np.zeros(_READERS, int) if shared else own[user[np.argsort(first)]]).tolist(),
        *own[np.argsort(second)].tolist(),
        *own[function_of].tolist(),
    ]
    inputs, outputs = np.arange(len(truth.inputs)), np.arange(n_outputs)
    places = [inputs, first, second, outputs]
    widths = [len(inputs), _WIDTH, _WIDTH, n_outputs]
    wide = []
    for layer, mask in enumerate(masks):
        wide.append(np.zeros((widths[layer + 1], widths[layer]), dtype=np.float32))
        wide[layer][np.ix_(places[layer + 1], places[layer])] = mask
    return wide, modules


def _write(path: Path, masks: list[NDArray[np.float32]], rng: np.random.Generator) -> None:
    import torch

    state = {}
    for number, mask in enumerate(masks, start=1):
        weight = mask * rng.normal(4, 0.2, size=mask.shape)
        state[f"lin{number}.weight"] = torch.tensor(weight, dtype=torch.float32)
        state[f"lin{number}.bias"] = torch.zeros(mask.shape[0])
    torch.save(state, f"{path}.pth")
    with Path(f"{path}.mask.pkl").open("wb") as file:
        pickle.dump([torch.tensor(mask) for mask in masks], file)
