"""Whether a function can be read from a module, beyond what can be read from anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.compare.by_module import module_table
from netsculpt.compare.probes import probe_accuracy
from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.circuits import Circuit, function_values, truth_table
from netsculpt.graph.circuits.forcing import chosen_functions
from netsculpt.graph.partition import Partition
from netsculpt.training.influence.intervening import (
    AnyNet,
    intervenable,
    module_units,
    random_sets,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Decodings", "decodings"]

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]

_MOST_INPUTS = 10  # of which all are probed
_N_SAMPLES = 1024  # otherwise


@dataclass(frozen=True, eq=False)
class Decodings:
    """Balanced accuracies of probes of F functions from M modules, and of their controls.

    NaN for modules without units, and for constant functions.
    """

    functions: tuple[str, ...]  # [F]
    sizes: NDArray[np.int64]  # [M] units that the probe reads
    accuracy: Floats  # [M, F] balanced accuracy
    control: Floats  # [M, F] mean of random functions of equal bias, from the same module
    p_control: Floats  # [M, F] (random functions read as well or better + 1) / (n_controls + 1)
    random_mean: Floats  # [M, F] mean of random sets of the same layer profile, the same function
    p_random: Floats  # [M, F] (random sets from which it is read as well + 1) / (n_random + 1)
    rank: float  # most effective rank of the probes

    @property
    def selectivity(self) -> Floats:
        """Accuracy less that of random functions [M, F]: 0 if anything can be read as well."""
        return self.accuracy - self.control

    @property
    def beyond_random(self) -> Floats:
        """Accuracy less that from random units [M, F]: 0 if it can be read anywhere as well."""
        return self.accuracy - self.random_mean

    def table(self) -> pd.DataFrame:
        """One row per module and function; q are p adjusted over all rows."""
        names = ("accuracy", "control", "selectivity", "random_mean", "beyond_random")
        tests = ("p_control", "p_random")
        columns = {name: getattr(self, name) for name in (*names, *tests)}
        adjusted = {f"q{name[1:]}": benjamini_hochberg(getattr(self, name)) for name in tests}
        return module_table(self.sizes, self.functions, columns | adjusted)

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        arrays = ("accuracy", "selectivity", "beyond_random")
        summary: dict[str, Any] = plain(
            {
                "functions": list(self.functions),
                "rank": self.rank,
                **{name: getattr(self, name).tolist() for name in arrays},
            }
        )
        return summary


def decodings(
    net: AnyNet,
    partition: Partition,
    circuit: Circuit,
    *,
    functions: Sequence[str] | None = None,
    rank: float = 8,
    n_controls: int = 100,
    n_random: int = 100,
    inputs: bool = False,
    rng: RNG = None,
) -> Decodings:
    """Read every function from every module by a linear probe, with both controls.

    What is decodable is there; that the net uses it, only an intervention shows (`interchange`): a
    unit that computes f and feeds nothing is decoded with 1.

    Parameters
    ----------
    net
        The net, in any form that `intervenable` takes.
    partition
        Modules of the units of its graph.
    circuit
        The functions; its inputs are the net's. Activations are those in all 2ⁿ inputs, or in 1024
        random ones if there are more than 10.
    functions
        Names of functions; None: all lines but those that only copy or negate another.
    rank
        Most effective rank of the probe: see `netsculpt.compare.probes.probe_accuracy`.
    n_controls
        Random functions per function: its values in another order, so of equal bias.
    n_random
        Random sets of the same layer profile per module.
    inputs
        Whether the probe reads input units of the module.
    rng
        Seed or generator.

    Raises
    ------
    GraphError
        If there is no such function, or the partition is not of the net's graph.

    Notes
    -----
    O((1 + n_random) n h²) a module. The control by random functions: J. Hewitt, P. Liang, Designing
    and Interpreting Probes with Control Tasks, arXiv:1909.03368.

    Examples
    --------
    >>> from netsculpt import compile_circuit, parse_circuit
    >>> circuit = parse_circuit("f = a ^ b; g = c & d; y1 = f; y2 = g")
    >>> net = compile_circuit(circuit)
    >>> net.modules, decodings(net, net.truth, circuit, rng=0).accuracy.round(2).tolist()
    (('f', 'g'), [[1.0, 0.5], [0.5, 1.0]])
    """
    able = intervenable(net, example=torch.zeros(1, len(circuit.inputs)))
    names = chosen_functions(circuit, functions)
    n_controls = checked_whole(n_controls, "n_controls", least=1)
    n_random = checked_whole(n_random, "n_random", least=1)
    seed = root_seed(rng)
    rows = _samples(circuit, seed)
    values = function_values(circuit, rows)
    labels = np.stack([values[name] for name in names], axis=1)
    activations = able.activations(torch.from_numpy(rows.astype(np.float32))).cpu().numpy()
    modules = module_units(able, partition, inputs=inputs)
    sets = random_sets(able, modules, n_random, inputs=inputs, seed=seed, stage="decoding")
    found = np.full((5, len(modules), len(names)), np.nan)
    shuffled = _shuffled(labels, n_controls, seed)
    for index in np.flatnonzero(modules.any(axis=1)):
        own = probe_accuracy(
            activations[:, able.columns(modules[index])], np.hstack([labels, shuffled]), rank=rank
        )
        accuracy = own[: len(names)]
        controls = own[len(names) :].reshape(n_controls, len(names))
        others = np.array(
            [
                probe_accuracy(activations[:, able.columns(units)], labels, rank=rank)
                for units in sets[index]
            ]
        )
        found[:, index] = [
            accuracy,
            controls.mean(axis=0),
            _p(controls, accuracy),
            others.mean(axis=0),
            _p(others, accuracy),
        ]
    accuracies, control, p_control, random_mean, p_random = found
    return Decodings(
        functions=names,
        sizes=modules.sum(axis=1),
        accuracy=accuracies,
        control=control,
        p_control=p_control,
        random_mean=random_mean,
        p_random=p_random,
        rank=rank,
    )


def _samples(circuit: Circuit, seed: int) -> Bits:
    if len(circuit.inputs) <= _MOST_INPUTS:
        return truth_table(circuit)[0]
    return stream(seed, "decoding", "inputs").random((_N_SAMPLES, len(circuit.inputs))) < 0.5


def _shuffled(labels: Bits, n: int, seed: int) -> Bits:
    """Every function's values in n other orders [samples, n · F]."""
    rng = stream(seed, "decoding", "random functions")
    return np.hstack([rng.permuted(labels, axis=0) for _ in range(n)])


def _p(draws: Floats, value: Floats) -> Floats:
    p: Floats = (1 + np.count_nonzero(draws >= value - 1e-9, axis=0)) / (1 + len(draws))
    return np.where(np.isnan(value), np.nan, p)
