"""Whether a lesion hurts the outputs that use a sub-function, and no others."""

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
from netsculpt.graph.circuits import Circuit, truth_table
from netsculpt.graph.circuits.forcing import chosen_functions
from netsculpt.graph.partition import Partition
from netsculpt.training.influence.intervening import (
    AnyNet,
    intervenable,
    module_units,
    random_sets,
)
from netsculpt.training.influence.lesions.outcomes import outcomes_of, samples_for
from netsculpt.training.influence.lesions.silencing import Silencing
from netsculpt.training.tasks import Bits, Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FunctionLesions", "function_lesions"]

Floats = NDArray[np.float64]

_TIE = 1e-9  # contrasts that differ by rounding alone count as equal


@dataclass(frozen=True, eq=False)
class FunctionLesions:
    """Accuracy lost on outputs that use each of F functions, and on others, by M lesions."""

    kind: str
    functions: tuple[str, ...]  # [F]
    sizes: NDArray[np.int64]  # [M] units that were silenced
    uses: NDArray[np.bool_]  # [F, O] which outputs use each function
    drop: Floats  # [M, O] accuracy lost when the module is silenced
    drop_keep_only: Floats  # [M, O] accuracy lost when all other hidden units are silenced
    random_mean: Floats  # [M, F] mean contrast of random units of the same layer profile
    p: Floats  # [M, F] (random sets with that contrast or more + 1) / (n_random + 1)
    n_random: int

    @property
    def contrast(self) -> Floats:
        """Least drop of outputs that use f, less the largest of the others [M, F].

        Above 0 only if every output that uses f suffers more than every other one. NaN if no output
        uses f; where all do, it is their least drop.
        """
        return contrasts(self.drop, self.uses)

    @property
    def contrast_keep_only(self) -> Floats:
        """Least drop of outputs without f, less the largest of those that use it [M, F].

        Above 0 if the module alone is enough for the outputs that use f. NaN if all use it.
        """
        return contrasts(self.drop_keep_only, ~self.uses)

    @property
    def q(self) -> Floats:
        """The p adjusted over modules × functions by Benjamini and Hochberg's rule [M, F]."""
        return benjamini_hochberg(self.p)

    def table(self) -> pd.DataFrame:
        """One row per module and function; drops are means over outputs."""
        columns = {
            "drop_of_users": _means(self.drop, self.uses),
            "drop_of_others": _means(self.drop, ~self.uses),
            "contrast": self.contrast,
            "contrast_keep_only": self.contrast_keep_only,
            "random_mean": self.random_mean,
            "p": self.p,
            "q": self.q,
        }
        return module_table(self.sizes, self.functions, columns)

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able: the module whose lesion is most specific to each function."""
        contrast = self.contrast
        best = {
            name: {
                "module": module,
                "contrast": float(contrast[module, place]),
                "p": float(self.p[module, place]),
            }
            for name, module, place in best_modules(self.functions, contrast)
        }
        summary: dict[str, Any] = plain(
            {"kind": self.kind, "n_modules": len(self.sizes), "best": best}
        )
        return summary


def function_lesions(
    net: AnyNet,
    partition: Partition,
    circuit: Circuit,
    *,
    functions: Sequence[str] | None = None,
    kind: str = "resample",
    n_draws: int = 4,
    n_random: int = 100,
    inputs: bool = False,
    rng: RNG = None,
) -> FunctionLesions:
    r"""Silence each module, and compare the outputs that use a function with those that do not.

    The statistic of module M and function f, with the accuracy :math:`d_o` that output o loses,

    .. math:: c = \min_{o \text{ uses } f} d_o - \max_{o \text{ does not}} d_o

    is compared with that of random units of the same layer profile: they may hurt as much, but
    seldom exactly the outputs that use f. So it finds a module where `lesions`, output by output,
    cannot: in a small net any few units hurt.

    Parameters
    ----------
    net, partition, n_draws, n_random, inputs, rng
        As for `lesions`.
    circuit
        What the net computes, of at most 20 inputs; measured on all 2ⁿ. An output uses f if it is
        f, or its line mentions it, directly or through other lines.
    functions
        Names of functions; None: all lines but those that only copy or negate another.
    kind
        "resample", "zero" or "mean", as for `lesions`.

    Raises
    ------
    FormatError
        If the net does not fit the circuit, or the kind is unknown.
    GraphError
        If there is no such function, or the partition is not of the net's graph.

    Notes
    -----
    O((n_random + 2) D) runs per module. Functions of which the same outputs make use cannot be told
    apart by it: interchange can.

    Examples
    --------
    >>> from netsculpt import compile_circuit, parse_circuit
    >>> circuit = parse_circuit("f = a ^ b; g = c ^ d; y1 = f; y2 = g")
    >>> net = compile_circuit(circuit)
    >>> found = function_lesions(net, net.truth, circuit, kind="zero", rng=0)
    >>> net.modules, found.contrast.tolist()
    (('f', 'g'), [[0.5, -0.5], [-0.5, 0.5]])
    """
    able = intervenable(net, example=torch.zeros(1, len(circuit.inputs)))
    names = chosen_functions(circuit, functions)
    n_random = checked_whole(n_random, "n_random", least=1)
    seed = root_seed(rng)
    rows, outputs = (torch.from_numpy(x.astype(np.float32)) for x in truth_table(circuit))
    samples = samples_for(able, Task("circuit", rows, outputs, Bits(outputs.shape[1])))
    uses = np.array([[x == o or x in circuit.reads[o] for o in circuit.outputs] for x in names])
    uses = uses.reshape(len(names), len(circuit.outputs))
    modules = module_units(able, partition, inputs=inputs)
    silencing = Silencing.of(able, samples, kind, n_draws=n_draws, seed=seed)
    whole = outcomes_of(samples.goal, able.outputs(rows)[None], outputs).accuracy[0]
    drop = whole - silencing.outcomes(modules).accuracy
    kept = whole - silencing.outcomes(able.hidden & ~modules).accuracy
    sets = random_sets(able, modules, n_random, inputs=inputs, seed=seed, stage="lesions")
    accuracy = silencing.outcomes(sets.reshape(-1, sets.shape[-1])).accuracy
    by_chance = contrasts(whole - accuracy, uses).reshape(len(modules), n_random, len(names))
    own = contrasts(drop, uses)
    n_as_large = np.count_nonzero(by_chance >= own[:, None] - _TIE, axis=1)
    tested = (modules.sum(axis=1) > 0)[:, None] & ~np.isnan(own)
    return FunctionLesions(
        kind=kind,
        functions=names,
        sizes=modules.sum(axis=1),
        uses=uses,
        drop=drop,
        drop_keep_only=kept,
        random_mean=by_chance.mean(axis=1),
        p=np.where(tested, (n_as_large + 1) / (n_random + 1), np.nan),
        n_random=n_random,
    )


def contrasts(drop: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Least drop [B, O] of chosen outputs, less the largest of the others, for each choice [F, O].

    NaN if none is chosen; the others' largest drop is 0 if there are none.
    """
    drops = np.broadcast_to(drop[:, None], (len(drop), *chosen.shape))  # [B, F, O]
    least = np.where(chosen, drops, np.inf).min(axis=2)
    largest = np.where(chosen, -np.inf, drops).max(axis=2)
    largest = np.where(chosen.all(axis=1), 0.0, largest)
    return np.where(chosen.any(axis=1), least - largest, np.nan)


def _means(drop: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Mean drop [M, F] of the chosen outputs; NaN if none is."""
    n = chosen.sum(axis=1)
    return np.where(n > 0, drop @ chosen.T / np.maximum(n, 1), np.nan)
