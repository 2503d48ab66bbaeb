"""Lesions of several modules at once: which stand in for each other, and what each contributes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.coalitions import coalitions, moebius, shapley
from netsculpt.core.errors import LimitError
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed
from netsculpt.graph.partition import Partition
from netsculpt.training.influence.intervening import (
    AnyNet,
    Intervenable,
    intervenable,
    module_units,
)
from netsculpt.training.influence.lesions.outcomes import outcomes_of, samples_for
from netsculpt.training.influence.lesions.silencing import Silencing
from netsculpt.training.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PairLesions", "ShapleyLesions", "pair_lesions", "shapley_lesions"]

MOST_MODULES = 12  # whose subsets are all run: 4096

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairLesions:
    """Accuracy lost on each output when one or two modules are silenced."""

    kind: str
    outputs: tuple[str, ...]  # [O] names, or numbers where the task has no names
    drop: Floats  # [M, O] of one module
    joint_drop: Floats  # [M, M, O] of two; the diagonal is that of one

    @property
    def interaction(self) -> Floats:
        """The joint drop less the sum of both single ones [M, M, O]; 0 on the diagonal.

        Above 0 for modules that stand in for each other: only the lesion of both hurts. Below 0
        for modules in series, where the lesion of either does all the damage.
        """
        apart = self.joint_drop - self.drop[:, None] - self.drop[None]
        apart[np.diag_indices(len(apart))] = 0.0
        return apart

    def table(self) -> pd.DataFrame:
        """One row per pair of modules and output."""
        import pandas as pd

        rows = [
            {
                "module": i,
                "other": j,
                "output": name,
                "drop": self.drop[i, output],
                "drop_of_other": self.drop[j, output],
                "joint_drop": self.joint_drop[i, j, output],
                "interaction": self.interaction[i, j, output],
            }
            for i, j in combinations(range(len(self.drop)), 2)
            for output, name in enumerate(self.outputs)
        ]
        return pd.DataFrame(rows)

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able: the pair that stands in for each other most, if there is one."""
        interaction = np.nan_to_num(self.interaction, nan=-np.inf)
        most = None
        if len(self.drop) > 1 and interaction.max() > 0:
            i, j, output = map(int, np.unravel_index(interaction.argmax(), interaction.shape))
            most = {
                "modules": [i, j],
                "output": self.outputs[output],
                "interaction": interaction[i, j, output],
            }
        values = {"kind": self.kind, "n_modules": len(self.drop), "most_redundant": most}
        summary: dict[str, Any] = plain(values)
        return summary


@dataclass(frozen=True, eq=False)
class ShapleyLesions:
    """Accuracy lost on each output for every set of silenced modules."""

    kind: str
    outputs: tuple[str, ...]  # [O] names, or numbers where the task has no names
    drops: Floats  # [2ᴹ, O] entry s: the modules whose bits are 1 in s, module 0 being the lowest

    @property
    def n_modules(self) -> int:
        """M."""
        return len(self.drops).bit_length() - 1

    @property
    def values(self) -> Floats:
        """Shapley value of each module [M, O]: they add up to the drop when all are silenced."""
        return shapley(self.drops)

    @property
    def moebius(self) -> Floats:
        """What each set of modules does beyond all sets inside it [2ᴹ, O]."""
        return moebius(self.drops)

    def table(self) -> pd.DataFrame:
        """One row per module and output."""
        import pandas as pd

        values = self.values
        modules, outputs = np.indices(values.shape).reshape(2, -1)
        single = self.drops[1 << np.arange(self.n_modules)]
        return pd.DataFrame(
            {
                "module": modules,
                "output": np.array(self.outputs, dtype=object)[outputs],
                "shapley": values.ravel(),
                "drop": single.ravel(),
                "drop_of_all": self.drops[-1][outputs],
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        values = {
            "kind": self.kind,
            "n_modules": self.n_modules,
            "outputs": list(self.outputs),
            "shapley": self.values.tolist(),
        }
        summary: dict[str, Any] = plain(values)
        return summary


def pair_lesions(
    net: AnyNet,
    partition: Partition,
    task: Task,
    *,
    kind: str = "mean",
    n_draws: int = 4,
    inputs: bool = False,
    rng: RNG = None,
) -> PairLesions:
    """Silence every module and every pair of modules.

    A function that two modules compute, each for itself, survives the lesion of either: single
    lesions call both useless, and only pairs show what they do.

    Parameters
    ----------
    net, partition, task, kind, n_draws, inputs, rng
        As for `lesions`; the same seed gives the same draws.

    Notes
    -----
    O(M² D) runs.

    Examples
    --------
    >>> from netsculpt import Partition, from_matrices
    >>> from netsculpt.training.influence.intervening import LayeredNet
    >>> import torch
    >>> weights = torch.ones(2, 1), torch.ones(1, 2)  # both hidden units copy the input
    >>> biases = torch.zeros(2), torch.full((1,), -0.5)
    >>> copies = LayeredNet(weights, biases, torch.relu, from_matrices(weights))
    >>> from netsculpt.training.tasks import boolean
    >>> task, two = boolean("f = a"), Partition([-1, 0, 1, -1])
    >>> found = pair_lesions(copies, two, task, kind="zero")
    >>> found.drop.ravel().tolist(), found.interaction[0, 1].tolist()
    ([0.0, 0.0], [0.5])
    """
    able, samples, silencing, accuracy = _prepared(net, task, kind, n_draws, rng)
    modules = module_units(able, partition, inputs=inputs)
    n_modules = len(modules)
    first, second = np.triu_indices(n_modules)
    drop = accuracy - silencing.outcomes(modules[first] | modules[second]).accuracy
    joint = np.zeros((n_modules, n_modules, samples.n_outputs))
    joint[first, second] = drop
    joint[second, first] = drop
    return PairLesions(kind, samples.output_names, joint[np.diag_indices(n_modules)], joint)


def shapley_lesions(
    net: AnyNet,
    partition: Partition,
    task: Task,
    *,
    kind: str = "mean",
    n_draws: int = 4,
    inputs: bool = False,
    rng: RNG = None,
) -> ShapleyLesions:
    """Silence every set of modules, up to 12 modules.

    Parameters
    ----------
    net, partition, task, kind, n_draws, inputs, rng
        As for `lesions`; the same seed gives the same draws.

    Raises
    ------
    LimitError
        If there are more than 12 modules.

    Notes
    -----
    O(2ᴹ D) runs; the values are exact for these runs.

    Examples
    --------
    >>> from netsculpt import compile_circuit, parse_circuit
    >>> from netsculpt.training.tasks import boolean
    >>> text = "left = a ^ b; right = c & d; y1 = left; y2 = right"
    >>> circuit = compile_circuit(parse_circuit(text))
    >>> shapley_lesions(circuit, circuit.truth, boolean(text), kind="zero").values.tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    if partition.n_modules > MOST_MODULES:
        raise LimitError(
            f"there are {partition.n_modules} modules, so 2^{partition.n_modules} sets of them: at "
            f"most {MOST_MODULES} modules are possible. Use pair_lesions, or merge modules"
        )
    able, samples, silencing, accuracy = _prepared(net, task, kind, n_draws, rng)
    modules = module_units(able, partition, inputs=inputs)
    sets = coalitions(len(modules)).astype(np.int32) @ modules.astype(np.int32) > 0
    drops = accuracy - silencing.outcomes(sets).accuracy
    return ShapleyLesions(kind, samples.output_names, drops)


def _prepared(
    net: AnyNet, task: Task, kind: str, n_draws: int, rng: RNG
) -> tuple[Intervenable, Task, Silencing, Floats]:
    """The net, its samples, the ablation, and the accuracy of the net as it is [O]."""
    able = intervenable(net, example=task.inputs[:1])
    samples = samples_for(able, task)
    silencing = Silencing.of(able, samples, kind, n_draws=n_draws, seed=root_seed(rng))
    logits = able.outputs(samples.inputs)[None]
    return able, samples, silencing, outcomes_of(samples.goal, logits, samples.targets).accuracy[0]
