"""Interchange of every module for every function, against random sets of units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.compare.by_module import best_modules, module_table
from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed
from netsculpt.graph.circuits import Circuit
from netsculpt.graph.circuits.forcing import chosen_functions
from netsculpt.graph.partition import Partition
from netsculpt.training.influence.interchange.interchange import MOST_INPUTS, interchanged
from netsculpt.training.influence.interchange.pairs import Counterfactual, drawn_pairs
from netsculpt.training.influence.intervening import (
    AnyNet,
    Intervenable,
    intervenable,
    module_units,
    random_sets,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Interchanges", "interchanges"]

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]

_N_PAIRS = 2000  # on which modules are compared with random sets


@dataclass(frozen=True, eq=False)
class Interchanges:
    """Interchange of each of M modules for each of F functions; see `Interchange`."""

    functions: tuple[str, ...]  # [F]
    sizes: NDArray[np.int64]  # [M] units that took another state
    accuracy: Floats  # [M, F] IIA
    interval: Floats  # [M, F, 2]
    by_output: Floats  # [M, F, m]
    unchanged: Floats  # [M, F]
    n_pairs: NDArray[np.int64]  # [M, F] pairs that should change
    is_exact: bool
    random_mean: Floats  # [M, F] of random units of the same layer profile, on sampled pairs
    p: Floats  # [M, F] (random sets that score as much or more + 1) / (n_random + 1)
    n_random: int

    @property
    def q(self) -> Floats:
        """The p adjusted over modules × functions by Benjamini and Hochberg's rule [M, F]."""
        return benjamini_hochberg(self.p)

    def table(self) -> pd.DataFrame:
        """One row per module and function."""
        columns = {
            "accuracy": self.accuracy,
            "low": self.interval[..., 0],
            "high": self.interval[..., 1],
            "unchanged": self.unchanged,
            "n_pairs": self.n_pairs,
            "random_mean": self.random_mean,
            "p": self.p,
            "q": self.q,
        }
        return module_table(self.sizes, self.functions, columns)

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able: the best module for each function."""
        best = {
            name: {"module": module, "accuracy": float(self.accuracy[module, place])}
            for name, module, place in best_modules(self.functions, self.accuracy)
        }
        values = {"n_modules": len(self.sizes), "is_exact": self.is_exact, "best": best}
        summary: dict[str, Any] = plain({**values, "n_random": self.n_random})
        return summary


def interchanges(
    net: AnyNet,
    partition: Partition,
    circuit: Circuit,
    *,
    functions: Sequence[str] | None = None,
    n_pairs: int = 20_000,
    n_random: int = 100,
    inputs: bool = False,
    rng: RNG = None,
) -> Interchanges:
    """Interchange accuracy of every module for every function, against random sets of units.

    Parameters
    ----------
    net, circuit, n_pairs, rng
        As for `interchange`.
    partition
        Modules of the units of the net's graph.
    functions
        Names of functions; None: all lines but those that only copy or negate another.
    n_random
        Random sets of the same layer profile per module, on 2000 pairs, on which the module is
        compared with them; 0: none, p is NaN.
    inputs
        Whether input units of a module take another state with it.

    Examples
    --------
    >>> from netsculpt import compile_circuit, parse_circuit
    >>> circuit = parse_circuit("f = a ^ b; g = c & d; y1 = f; y2 = g")
    >>> net = compile_circuit(circuit)
    >>> net.modules, interchanges(net, net.truth, circuit, rng=0).accuracy.tolist()
    (('f', 'g'), [[1.0, 0.0], [0.0, 1.0]])
    """
    able = intervenable(net, example=torch.zeros(1, len(circuit.inputs)))
    names = chosen_functions(circuit, functions)
    n_random = checked_whole(n_random, "n_random", least=0)
    seed = root_seed(rng)
    modules = module_units(able, partition, inputs=inputs)
    rows = interchanged(able, modules, circuit, names, n_pairs, seed)
    sets = random_sets(able, modules, n_random, inputs=inputs, seed=seed, stage="interchange")
    random_mean, p = _by_chance(able, modules, sets, circuit, names, seed)
    shape = len(modules), len(names)
    return Interchanges(
        names,
        modules.sum(axis=1),
        np.array([[x.accuracy for x in row] for row in rows]).reshape(shape),
        np.array([[x.interval for x in row] for row in rows]).reshape(*shape, 2),
        np.array([[x.by_output for x in row] for row in rows]).reshape(*shape, able.n_outputs),
        np.array([[x.unchanged for x in row] for row in rows]).reshape(shape),
        np.array([[x.n_pairs for x in row] for row in rows], dtype=np.int64).reshape(shape),
        len(circuit.inputs) <= MOST_INPUTS,
        random_mean,
        p,
        n_random,
    )


def _by_chance(
    net: Intervenable,
    modules: Bits,
    sets: Bits,
    circuit: Circuit,
    functions: Sequence[str],
    seed: int,
) -> tuple[Floats, Floats]:
    """Mean accuracy of random sets of units [M, n, U], and p [M, F]."""
    mean = np.full((len(modules), len(functions)), np.nan)
    p, n = mean.copy(), sets.shape[1]
    if not n:
        return mean, p
    samples, donors = drawn_pairs(net, circuit, _N_PAIRS, seed=seed, stage="pairs of random sets")
    ways = [Counterfactual.of(samples, name) for name in functions]
    for index in np.flatnonzero(modules.any(axis=1)):
        tried, place = np.unique(
            np.vstack([modules[index], sets[index]]), axis=0, return_inverse=True
        )  # random sets may repeat
        answers = (net.replaced(samples.given, tried, donors.activations) > 0).cpu().numpy()
        for column, (name, way) in enumerate(zip(functions, ways, strict=True)):
            counts = way.differs.any(axis=1) & (donors.functions[name] != way.value)
            if counts.any():
                as_expected = answers[:, counts] == way.outputs[counts]
                right = as_expected.all(axis=2).mean(axis=1)[place.reshape(-1)]
                mean[index, column] = right[1:].mean()
                p[index, column] = (1 + (right[1:] >= right[0]).sum()) / (1 + n)
    return mean, p
