"""What a net has learned by heart: labels that were changed, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.errors import FormatError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Memorised", "memorised"]


@dataclass(frozen=True)
class Memorised:
    """Answers on relabelled samples whose label is wrong, by phase [P]."""

    n_wrong: int  # relabelled samples whose new label is another one
    n_unchanged: int  # those that happened to get their own
    given: tuple[float, ...]  # share answered with the wrong label: memorised
    true: tuple[float, ...]  # share answered with the true label: learned in spite of it

    def table(self) -> pd.DataFrame:
        """One row per phase, counted from 0."""
        import pandas as pd

        return pd.DataFrame({"given": self.given, "true": self.true}).rename_axis("phase")

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        counts = {"n_wrong": self.n_wrong, "n_unchanged": self.n_unchanged}
        return {**counts, "given": list(self.given), "true": list(self.true)}


def memorised(answers: ArrayLike, given: ArrayLike, true: ArrayLike) -> Memorised:
    """Share of relabelled samples that are answered with the wrong label, and with the true one.

    Samples whose new label is the true one are left out and counted.

    Parameters
    ----------
    answers
        Classes [P, n] that the net answers after each of P phases.
    given, true
        Labels [n] of the relabelled samples: those trained on and the original ones.

    Examples
    --------
    >>> memorised([[0, 0, 1], [1, 1, 1]], given=[1, 1, 1], true=[0, 0, 1]).given
    (0.0, 1.0)
    """
    phases, trained, original = (np.asarray(x) for x in (answers, given, true))
    if phases.ndim != 2 or not trained.shape == original.shape == phases.shape[1:]:
        raise FormatError(
            f"answers are {list(phases.shape)}, labels {list(trained.shape)} and "
            f"{list(original.shape)}: [phases, n], [n] and [n] are needed"
        )
    wrong = trained != original
    if not wrong.any():
        raise FormatError(
            "no relabelled sample has a wrong label: relabel more, or exclude the true label"
        )
    shares = [(phases[:, wrong] == x[wrong]).mean(axis=1) for x in (trained, original)]
    both = [tuple(map(float, x)) for x in shares]
    return Memorised(int(wrong.sum()), int((~wrong).sum()), *both)
