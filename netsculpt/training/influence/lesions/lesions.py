"""What a net can no longer do when a module is silenced, and what it can do with that alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed
from netsculpt.graph.partition import Partition
from netsculpt.training.influence.intervening import (
    AnyNet,
    intervenable,
    module_units,
    random_sets,
)
from netsculpt.training.influence.lesions.outcomes import (
    Outcomes,
    outcomes_of,
    samples_for,
    share_of_output,
)
from netsculpt.training.influence.lesions.silencing import Silencing
from netsculpt.training.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "Lesions", "lesions"]

Floats = NDArray[np.float64]

KINDS = ("zero", "mean", "resample")

_TIE = 1e-9  # drops that differ by rounding alone count as equal


@dataclass(frozen=True, eq=False)
class Lesions:
    """Lesions of M modules by A kinds of ablation, measured on O outputs.

    For a task of bits, output o is bit o; for classifications it is class o, whose accuracy is the
    share of its own samples that are classified right. Accuracies are fractions, losses nats.
    """

    kinds: tuple[str, ...]  # [A] "zero", "mean", "resample"
    outputs: tuple[str, ...]  # [O] names, or numbers where the task has no names
    sizes: NDArray[np.int64]  # [M] units that were silenced
    share: Floats  # [O] of all answers that belong to each output
    accuracy: Floats  # [O] of the net as it is
    loss: Floats  # [O] of the net as it is
    drop: Floats  # [A, M, O] accuracy lost when the module is silenced
    loss_rise: Floats  # [A, M, O]
    drop_keep_only: Floats  # [A, M, O] accuracy lost when all other hidden units are silenced
    random_mean: Floats  # [A, M, O] drop when random units of the same layer profile are silenced
    random_sd: Floats  # [A, M, O] its population standard deviation
    p: Floats  # [A, M, O] (number of random sets with that drop or more + 1) / (n_random + 1)
    n_random: int

    @property
    def z(self) -> Floats:
        """Standard deviations of the drop above that of random sets [A, M, O]; NaN without any."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (self.drop - self.random_mean) / self.random_sd
        return np.where(self.random_sd > 0, z, np.nan)

    @property
    def q(self) -> Floats:
        """The p adjusted over modules × outputs by Benjamini and Hochberg's rule [A, M, O]."""
        return np.stack([benjamini_hochberg(p) for p in self.p])

    @property
    def total_drop(self) -> Floats:
        """Drop of the task's accuracy [A, M]: the mean over all answers."""
        total: Floats = np.nansum(self.drop * self.share, axis=-1)
        return total

    @property
    def agree(self) -> NDArray[np.bool_]:
        """Whether no kind of ablation says that accuracy falls where another says it rises [M, O].

        Where they disagree, nothing should be said of the module and the output.
        """
        highest, lowest = self.drop.max(axis=0), self.drop.min(axis=0)
        agree: NDArray[np.bool_] = ~((highest > _TIE) & (lowest < -_TIE))
        return agree

    def table(self) -> pd.DataFrame:
        """One row per kind, module and output."""
        import pandas as pd

        kinds, modules, outputs = np.indices(self.drop.shape).reshape(3, -1)
        columns = ("drop", "loss_rise", "drop_keep_only", "random_mean", "random_sd", "z", "p", "q")
        return pd.DataFrame(
            {
                "ablation": np.array(self.kinds, dtype=object)[kinds],
                "module": modules,
                "n_units": self.sizes[modules],
                "output": np.array(self.outputs, dtype=object)[outputs],
                "accuracy": self.accuracy[outputs],
                **{name: getattr(self, name).ravel() for name in columns},
                "agree": self.agree[modules, outputs],
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able: what each module is needed for, at an adjusted p of .05."""
        needed = {
            kind: [
                [self.outputs[output] for output in np.flatnonzero(row)]
                for row in (q <= 0.05) & (drop > _TIE)
            ]
            for kind, q, drop in zip(self.kinds, self.q, self.drop, strict=True)
        }
        return {
            "kinds": list(self.kinds),
            "n_modules": len(self.sizes),
            "n_random": self.n_random,
            "accuracy": plain(dict(zip(self.outputs, self.accuracy.tolist(), strict=True))),
            "total_drop": plain(dict(zip(self.kinds, self.total_drop.tolist(), strict=True))),
            "outputs_that_need": needed,
            "n_disagreeing": int((~self.agree).sum()),
        }


def lesions(
    net: AnyNet,
    partition: Partition,
    task: Task,
    *,
    kinds: Sequence[str] = KINDS,
    n_draws: int = 4,
    n_random: int = 100,
    inputs: bool = False,
    rng: RNG = None,
) -> Lesions:
    r"""Silence each module of a net, and everything but the module, and measure what is lost.

    All units of a module are silenced together, whatever the layer. Drops are compared with those
    of random sets that have as many units in each layer:

    .. math:: p = \frac{1 + \#\{\text{random sets with a drop} \ge d\}}{1 + n}, \qquad
              z = \frac{d - \mathrm{mean}}{\mathrm{sd}}

    Parameters
    ----------
    net
        The net, in any form that `intervenable` takes; a net of torch is traced on a sample.
    partition
        Modules of the units of its graph.
    task
        Measured on its validation samples: for a Boolean task all 2ⁿ inputs, so that nothing is
        estimated but the means over draws.
    kinds
        "zero": units are 0. "mean": they have their mean over the samples. "resample": they have,
        all together, their activations in another sample. Zero takes a net to where no sample is,
        resampling does not; a finding should not depend on it (`Lesions.agree`).
    n_draws
        Draws of other samples, over which "resample" is averaged, for random sets too.
    n_random
        Random sets per module; 0: none, p is NaN.
    inputs
        Whether input units of a module are silenced with it. Outputs never are.
    rng
        Seed or generator.

    Returns
    -------
    Lesions
        A module without hidden units has drop 0 and no p. Where every random set is the module
        itself, as with one module, p is 1.

    Raises
    ------
    FormatError
        If the net does not fit the task, or a kind is unknown.
    GraphError
        If the partition is not of the net's graph.

    Notes
    -----
    O((n_random + 2) D) runs per module and kind, D = n_draws for "resample", otherwise 1. That a
    lesion hurts says that the net needs the module, not what the module computes: see
    `netsculpt.training.influence.interchange`. The pair of lesion and keep-only, with random
    ablation as a control: Lepori et al., arXiv:2301.10884.

    Examples
    --------
    >>> from netsculpt import compile_circuit, parse_circuit
    >>> from netsculpt.training.tasks import boolean
    >>> text = "left = a ^ b; right = c & d; y1 = left; y2 = right"
    >>> circuit = compile_circuit(parse_circuit(text))
    >>> found = lesions(circuit, circuit.truth, boolean(text), kinds=["zero"], rng=0)
    >>> circuit.modules, found.drop[0].tolist()
    (('left', 'right'), [[0.5, 0.0], [0.0, 0.25]])
    """
    able = intervenable(net, example=task.inputs[:1])
    samples = samples_for(able, task)
    n_random = checked_whole(n_random, "n_random", least=0)
    checked_whole(n_draws, "n_draws", least=1)
    if not kinds:
        raise FormatError(f"no kind of ablation is given: name some of {', '.join(KINDS)}")
    seed = root_seed(rng)
    modules = module_units(able, partition, inputs=inputs)
    others = able.hidden & ~modules
    drawn = random_sets(able, modules, n_random, inputs=inputs, seed=seed, stage="lesions")
    whole = outcomes_of(samples.goal, able.outputs(samples.inputs)[None], samples.targets)
    found = []
    for kind in kinds:
        silencing = Silencing.of(able, samples, kind, n_draws=n_draws, seed=seed)
        found.append(_measured(silencing, whole, modules, others, drawn))
    drop, loss_rise, kept, mean, sd, p = (np.stack(parts) for parts in zip(*found, strict=True))
    return Lesions(
        kinds=tuple(kinds),
        outputs=samples.output_names,
        sizes=modules.sum(axis=1),
        share=share_of_output(samples),
        accuracy=whole.accuracy[0],
        loss=whole.loss[0],
        drop=drop,
        loss_rise=loss_rise,
        drop_keep_only=kept,
        random_mean=mean,
        random_sd=sd,
        p=p,
        n_random=n_random,
    )


def _measured(
    silencing: Silencing,
    whole: Outcomes,
    modules: NDArray[np.bool_],
    others: NDArray[np.bool_],
    drawn: NDArray[np.bool_],
) -> tuple[Floats, ...]:
    """Arrays [M, O]: drop, loss rise, drop of keep-only, mean and sd of random sets, and p."""
    silenced, kept = silencing.outcomes(modules), silencing.outcomes(others)
    drop = whole.accuracy - silenced.accuracy
    n_modules, n, n_units = drawn.shape
    accuracy = silencing.outcomes(drawn.reshape(-1, n_units)).accuracy
    by_chance = whole.accuracy - accuracy.reshape(n_modules, n, drop.shape[1])  # [M, n, O]
    tested = (modules.sum(axis=1) > 0)[:, None] & ~np.isnan(drop) & (n > 0)
    n_as_large = np.count_nonzero(by_chance >= drop[:, None] - _TIE, axis=1)
    spread = by_chance if n else np.full((n_modules, 1, drop.shape[1]), np.nan)
    sd = spread.std(axis=1)
    return (
        drop,
        silenced.loss - whole.loss,
        whole.accuracy - kept.accuracy,
        spread.mean(axis=1),
        np.where(sd <= _TIE, 0.0, sd),
        np.where(tested, (n_as_large + 1) / (n + 1), np.nan),
    )
