"""The score of an interchange, from the answers of a net and the counterfactual of a circuit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.pair.intervals import wilson
from netsculpt.core.plain import plain
from netsculpt.training.influence.interchange.pairs import Counterfactual, Samples

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Interchange", "over_all_pairs", "over_drawn_pairs"]

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Interchange:
    """How units and a function of the circuit take each other's place.

    Pairs (x, x′) count where the circuit's outputs on x change if the function has its value of x′:
    units that do nothing score 0 on them.
    """

    function: str
    outputs: tuple[str, ...]  # [m] names
    accuracy: float  # IIA: share of these pairs where all outputs are as expected; NaN: no pair
    interval: tuple[float, float]  # of 95 %, by Wilson; both are the accuracy if all pairs were run
    by_output: Floats  # [m] share of pairs that should change an output where it is as expected
    unchanged: float  # share of all other pairs where all outputs are those of x; NaN: no pair
    n_pairs: int  # pairs that should change
    is_exact: bool  # whether all pairs were run

    def table(self) -> pd.DataFrame:
        """One row per output."""
        import pandas as pd

        columns = {"output": list(self.outputs), "accuracy": self.by_output}
        return pd.DataFrame({"function": self.function, **columns})

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        by_output = dict(zip(self.outputs, self.by_output.tolist(), strict=True))
        values = {**vars(self), "by_output": by_output}
        summary: dict[str, Any] = plain(values)
        return summary


def over_all_pairs(
    samples: Samples,
    way: Counterfactual,
    function: str,
    answers: Bits,
    state: NDArray[np.intp],
) -> Interchange:
    """Over all 4ⁿ pairs, from the answers in each state [S, n, m]."""
    n_states = len(answers)
    counts = np.stack(
        [np.bincount(state[donor], minlength=n_states) for donor in (~way.value, way.value)]
    ).astype(np.float64)  # [2, S] donors in each state by their value of the function
    own = way.value.astype(int)
    same_value, other_value = counts[own], counts[1 - own]  # [n, S]
    as_expected = answers == way.outputs  # [S, n, m]
    differs: Bits = np.asarray(way.differs.any(axis=1))
    n_changing = (differs * other_value.sum(axis=1)).sum()
    right = np.einsum("ns,sn->n", other_value, as_expected.all(axis=2).astype(np.float64))
    each = np.einsum("ns,snm->nm", other_value, as_expected.astype(np.float64))
    pairs_of_output = (way.differs * other_value.sum(axis=1)[:, None]).sum(axis=0)
    as_before = (answers == samples.outputs).all(axis=2).astype(np.float64)  # [S, n]
    staying = same_value + np.where(differs[:, None], 0.0, other_value)
    accuracy = _share((right * differs).sum(), n_changing)
    return Interchange(
        function,
        samples.circuit.outputs,
        accuracy,
        (accuracy, accuracy),
        _shares((each * way.differs).sum(axis=0), pairs_of_output),
        _share(np.einsum("ns,sn->", staying, as_before), staying.sum()),
        int(n_changing),
        True,
    )


def over_drawn_pairs(
    base: Samples, way: Counterfactual, function: str, answers: Bits, donor: Bits
) -> Interchange:
    """Over drawn pairs, from the answers [n, m] and the donors' values of the function [n]."""
    other = donor != way.value
    differs = way.differs & other[:, None]
    changing = differs.any(axis=1)
    as_expected = answers == way.outputs
    n_changing, n_right = int(changing.sum()), int(as_expected.all(axis=1)[changing].sum())
    as_before = (answers == base.outputs).all(axis=1)
    return Interchange(
        function,
        base.circuit.outputs,
        _share(n_right, n_changing),
        wilson(n_right, n_changing),
        _shares((as_expected & differs).sum(axis=0), differs.sum(axis=0)),
        _share(as_before[~changing].sum(), (~changing).sum()),
        n_changing,
        False,
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _shares(parts: NDArray[Any], wholes: NDArray[Any]) -> Floats:
    return np.array([_share(part, whole) for part, whole in zip(parts, wholes, strict=True)])
