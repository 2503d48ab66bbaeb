"""The degree of sub-task reuse: which functions of a source a target computes, and with what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.compare.reuse.matching import ModuleMatching
from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_fraction
from netsculpt.core.plain import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["VERDICTS", "Subtask", "SubtaskEvidence", "SubtaskReuse", "subtask_reuse"]

ReuseVerdict = Literal["reused", "relearned elsewhere", "distributed", "absent"]
VERDICTS: Final[tuple[ReuseVerdict, ...]] = (
    *("reused", "relearned elsewhere", "distributed", "absent"),
)


@dataclass(frozen=True, eq=False)
class SubtaskEvidence:
    """What interchange and lesions say of F functions in the modules of two nets.

    NaN stands for a function that the task of that net does not contain.
    """

    functions: tuple[str, ...]  # [F]
    iia_source: ArrayLike  # [M_S, F] interchange accuracy of each source module, 0 … 1
    iia_target: ArrayLike  # [M_T, F]
    lesion_p: ArrayLike  # [M_T, F] p of the loss of f when the target module is silenced
    iia_unions: ArrayLike  # [F] the largest interchange accuracy of unions of target modules


@dataclass(frozen=True)
class Subtask:
    """What became of one function."""

    function: str
    verdict: ReuseVerdict
    source: int | None  # the source module that computes it; None: no single one does
    target: int | None  # the target module that computes it
    iia: float  # the largest of a target module; NaN: the target's task does not contain it
    similarity: float  # of the two modules; NaN without both
    q: float  # of their match; NaN if they are not matched to each other
    n_modules: int  # target modules that compute it
    multiplicity: int  # of these, as similar to the source's module as reuse needs: copies of it


@dataclass(frozen=True)
class SubtaskReuse:
    """What became of each function, and the shares of the four verdicts."""

    subtasks: tuple[Subtask, ...]
    chance: float  # DSR by matching with unrelated nets; NaN: none were given
    is_monolithic: bool  # one of the nets is a single module: nothing can be located in it
    thresholds: tuple[float, float, float]  # of interchange accuracy, of similarity; level of p

    @property
    def shares(self) -> dict[str, float]:
        """Share of the functions with each verdict; they add up to 1 exactly, as counts / F."""
        found = [x.verdict for x in self.subtasks]
        return {verdict: found.count(verdict) / len(found) for verdict in VERDICTS}

    @property
    def degree(self) -> float:
        """DSR, the degree of sub-task reuse: the share of functions that are reused, 0 … 1."""
        return self.shares["reused"]

    @property
    def corrected(self) -> float:
        """DSR* = (DSR − chance) / (1 − chance): 0 = chance, 1 = all; NaN without unrelated nets."""
        return (self.degree - self.chance) / (1 - self.chance) if self.chance < 1 else math.nan

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the shares must know, in sentences."""
        notes = []
        if self.is_monolithic:
            notes.append(
                "One of the nets is a single module: it computes every function by definition, so "
                "nothing is called reused; divide it into modules first."
            )
        least_similarity, level = self.thresholds[1:]
        for x in self.subtasks:
            if x.verdict == "relearned elsewhere" and x.similarity >= least_similarity:
                why = "are not matched to each other"
                if x.q > level:
                    why = f"could be alike by chance: their match has q {x.q:.2g}, not ≤ {level:g}"
                notes.append(
                    f"{x.function}: modules {x.source} and {x.target} do the same (similarity "
                    f"{x.similarity:.3f}), but {why}; so it is not called reused."
                )
        if math.isnan(self.chance):
            notes.append(
                "What chance gives is not known: give a net of an unrelated task (unrelated, "
                "--unrelated MODEL)."
            )
        return tuple(notes)

    def table(self) -> pd.DataFrame:
        """One row per function."""
        import pandas as pd

        table = pd.DataFrame([asdict(x) for x in self.subtasks])
        return table.astype({"source": "Int64", "target": "Int64"})

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(
            {
                "n_functions": len(self.subtasks),
                "shares": self.shares,
                "degree": self.degree,
                "chance": self.chance,
                "corrected": self.corrected,
                "is_monolithic": self.is_monolithic,
                "notes": list(self.notes),
                "subtasks": [asdict(x) for x in self.subtasks],
            }
        )
        return summary


def subtask_reuse(
    evidence: SubtaskEvidence,
    matching: ModuleMatching,
    *,
    unrelated: Sequence[ModuleMatching] = (),
    least_iia: float = 0.9,
    least_similarity: float = 0.9,
    level: float = 0.05,
) -> SubtaskReuse:
    r"""Degree of sub-task reuse: the share of functions that the source's module computes again.

    A target module *computes* f if exchanging its activations has the effect of exchanging f
    (interchange accuracy ≥ .9) and silencing it hurts what uses f (lesion p < .05). f is then

    - **reused** if such a module is matched to a source module that computes f, significantly and
      with similarity ≥ .9;
    - **relearned elsewhere** if there is such a module, but none that is so matched: it is computed
      by another implementation, or the source does not compute it;
    - **distributed** if only several modules together compute it, or one of the nets is a single
      module;
    - **absent** otherwise, also if the target's task does not contain it.

    .. math:: DSR = \frac{\#\,\text{reused}}{F}, \qquad DSR^* = \frac{DSR - E}{1 - E}

    E is the share of functions that would be reused if all modules of an unrelated net computed
    them: what matching alone gives away.

    Parameters
    ----------
    evidence
        Of the F functions that are asked about. Those that both tasks contain give the share of
        what *could* be reused; those of the source's task give the share of what it learned that
        lives on.
    matching
        Of the modules of source and target; numbers of modules as in the evidence.
    unrelated
        Matchings of nets trained on circuits that have nothing in common with the target's, in the
        place of the source, with the target.
    least_iia, least_similarity, level
        Thresholds; q of the matching must not exceed `level`, p of a lesion must be below it.

    Raises
    ------
    FormatError
        If the shapes do not fit.

    Notes
    -----
    The measure is ours: no measure of the reuse of sub-tasks was published before. Interchange:
    Geiger et al., arXiv:2106.02997; lesions in pairs: Lepori et al., arXiv:2301.10884.
    """
    thresholds = tuple(
        checked_fraction(value, name)
        for value, name in (
            (least_iia, "least_iia"),
            (least_similarity, "least_similarity"),
            (level, "level"),
        )
    )
    source, target, p, unions = _checked(evidence, matching)
    is_monolithic = 1 in matching.similarity.shape
    computed = (target >= least_iia) & (p < level)  # [M_T, F]; NaN compares as False
    known = source >= least_iia  # [M_S, F]
    similar = matching.similarity >= least_similarity
    pairs = _trusted(matching, least_similarity, level)
    subtasks = []
    for column, function in enumerate(evidence.functions):
        of_source, of_target = np.flatnonzero(known[:, column]), np.flatnonzero(computed[:, column])
        chosen = [(s, t) for s, t in pairs if s in of_source and t in of_target]
        together = bool((target[:, column] >= least_iia).any() or unions[column] >= least_iia)
        verdict: ReuseVerdict = "distributed" if together else "absent"
        if of_target.size and not is_monolithic:
            verdict = "reused" if chosen else "relearned elsewhere"
        pair = chosen[0] if chosen else _best(matching.similarity, of_source, of_target)
        iia = target[:, column]
        subtasks.append(
            Subtask(
                function,
                verdict,
                pair[0],
                pair[1],
                float(np.nanmax(iia)) if not np.isnan(iia).all() else math.nan,
                float(matching.similarity[pair]) if None not in pair else math.nan,
                next((x.q for x in matching.pairs if (x.source, x.target) == pair), math.nan),
                int(of_target.size),
                int(similar[np.ix_(of_source, of_target)].any(axis=0).sum()),
            )
        )
    chance = [
        _share_in_pairs(computed, _trusted(x, least_similarity, level), is_monolithic)
        for x in unrelated
    ]
    return SubtaskReuse(
        tuple(subtasks),
        float(np.mean(chance)) if chance else math.nan,
        is_monolithic,
        (thresholds[0], thresholds[1], thresholds[2]),
    )


_Pair = tuple[int, int] | tuple[int | None, int | None]


def _trusted(
    matching: ModuleMatching, least_similarity: float, level: float
) -> list[tuple[int, int]]:
    """Pairs that are similar enough, significantly."""
    return [
        (pair.source, pair.target)
        for pair in matching.significant(level)
        if pair.similarity >= least_similarity
    ]


def _share_in_pairs(
    computed: NDArray[np.bool_], pairs: list[tuple[int, int]], is_monolithic: bool
) -> float:
    """Share of the functions that a matched target module computes, whatever it is matched to."""
    if is_monolithic or not pairs:
        return 0.0
    return float(computed[[t for _, t in pairs]].any(axis=0).mean())


def _best(
    similarity: NDArray[np.float64], sources: NDArray[np.intp], targets: NDArray[np.intp]
) -> _Pair:
    """The most similar of the modules that compute a function, for the record."""
    if not (sources.size and targets.size):
        return (
            int(sources[0]) if sources.size else None,
            int(targets[0]) if targets.size else None,
        )
    values = np.nan_to_num(similarity[np.ix_(sources, targets)], nan=-1.0)
    row, column = np.unravel_index(values.argmax(), values.shape)
    return int(sources[row]), int(targets[column])


def _checked(
    evidence: SubtaskEvidence, matching: ModuleMatching
) -> tuple[NDArray[np.float64], ...]:
    n_source, n_target = matching.similarity.shape
    n = len(evidence.functions)
    if not n or len(set(evidence.functions)) != n:
        raise FormatError(f"functions are {evidence.functions!r:.200}: different names are needed")
    wanted = {
        "iia_source": (n_source, n),
        "iia_target": (n_target, n),
        "lesion_p": (n_target, n),
        "iia_unions": (n,),
    }
    arrays = []
    for name, shape in wanted.items():
        values = np.asarray(getattr(evidence, name), dtype=np.float64)
        if values.shape != shape or ((values < 0) | (values > 1)).any():
            raise FormatError(
                f"{name} is {list(values.shape)}: {list(shape)} is needed, of numbers from 0 to 1 "
                f"(or NaN), as the matching has {n_source} and {n_target} modules"
            )
        arrays.append(values)
    return tuple(arrays)
