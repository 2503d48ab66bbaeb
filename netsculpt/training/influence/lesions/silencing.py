"""Sets of units silenced in every way that is asked for, averaged over draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import stream
from netsculpt.training.influence.intervening import Intervenable
from netsculpt.training.influence.lesions.ablations import ABLATIONS
from netsculpt.training.influence.lesions.outcomes import Outcomes, outcomes
from netsculpt.training.tasks import Task

__all__ = ["Silencing"]


@dataclass(frozen=True, eq=False)
class Silencing:
    """One kind of ablation of one net: the values that silenced units take, in each draw."""

    net: Intervenable
    samples: Task
    values: Tensor  # [D, n, K] or [D, 1, K]

    @classmethod
    def of(
        cls, net: Intervenable, samples: Task, kind: str, *, n_draws: int, seed: int
    ) -> Silencing:
        """The ablation of that name, with its draws."""
        if kind not in ABLATIONS:
            raise FormatError(f"there is no ablation {kind!r}: name one of {', '.join(ABLATIONS)}")
        activations = net.activations(samples.inputs)
        rng = stream(seed, "lesions", kind)
        return cls(
            net,
            samples,
            ABLATIONS[kind](
                activations, n_draws=checked_whole(n_draws, "n_draws", least=1), rng=rng
            ),
        )

    def outcomes(self, units: NDArray[np.bool_]) -> Outcomes:
        """Mean outcomes [B, O] over the draws, with each of B sets of units [B, U] silenced."""
        sets, place = np.unique(units, axis=0, return_inverse=True)  # random ones may repeat
        draws = [outcomes(self.net, self.samples, sets, values) for values in self.values]
        accuracy = np.mean([draw.accuracy for draw in draws], axis=0)
        loss = np.mean([draw.loss for draw in draws], axis=0)
        place = place.reshape(-1)
        return Outcomes(accuracy[place], loss[place])
