"""All that is said of a pair, together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from netsculpt.compare.pair.answers import AnswerChanges, answer_changes
from netsculpt.compare.pair.by_class import ClassRecalls, class_recalls
from netsculpt.compare.pair.masks import MaskOverlap
from netsculpt.compare.pair.outputs import OutputDistances, output_distances
from netsculpt.compare.pair.phases import PhaseOverlaps
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GraphComparison", "PairAnalysis", "PairOutcome", "pair_outcome"]

_SHOWN = ("agreement", "kappa", "churn", "regressions", "fixes", "kl", "js")


@dataclass(frozen=True, eq=False)
class PairOutcome:
    """What two nets answer on the same samples."""

    answers: AnswerChanges
    outputs: OutputDistances
    classes: ClassRecalls

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        answers, outputs = self.answers.summary(), self.outputs.summary()
        return {**answers, **outputs, "by_class": self.classes.summary()}


@dataclass(frozen=True)
class GraphComparison:
    """The graph of the sparse net next to that of its dense twin, pruned to the same density.

    The twin keeps its largest weights, without training: what pruning in one step would keep.
    """

    density: float
    masks: MaskOverlap
    module_ami: float  # adjusted mutual information of their modules; 0 = chance
    module_ami_again: float  # of two runs on the sparse net, with other seeds: how far to trust it
    n_modules: tuple[int, int]  # of the sparse net, of the pruned twin
    path_share: dict[str, float]  # Spearman's ρ of units' path shares by hidden layer; or NaN
    detector: str

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(asdict(self))
        return summary


@dataclass(frozen=True, eq=False)
class PairAnalysis:
    """A sparse net and its dense twin, with other pairs to compare them with."""

    outcome: PairOutcome
    baselines: Mapping[str, PairOutcome]  # "one-shot", "two dense seeds", …
    cka: Mapping[str, float]  # debiased linear CKA by layer; NaN where a layer is constant
    graph: GraphComparison | None  # None: `no_graph` says why
    no_graph: str | None = None
    phases: PhaseOverlaps | None = None
    about: Mapping[str, Any] = field(default_factory=dict)  # task, samples, seed

    def table(self) -> pd.DataFrame:
        """One row per pair."""
        import pandas as pd

        pairs = {"this pair": self.outcome, **self.baselines}
        rows = [
            {
                "pair": name,
                "accuracy_sparse": pair.answers.accuracy_sparse,
                "accuracy_dense": pair.answers.accuracy_dense,
                **{
                    x: getattr(pair.answers if hasattr(pair.answers, x) else pair.outputs, x)
                    for x in _SHOWN
                },
            }
            for name, pair in pairs.items()
        ]
        return pd.DataFrame(rows)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        return {
            **self.about,
            "pair": self.outcome.summary(),
            "baselines": {name: pair.summary() for name, pair in self.baselines.items()},
            "cka": plain(dict(self.cka)),
            "graph": None if self.graph is None else self.graph.summary(),
            "no_graph": self.no_graph,
            "phases": None if self.phases is None else self.phases.summary(),
        }


def pair_outcome(
    sparse: ArrayLike, dense: ArrayLike, labels: ArrayLike, *, rng: RNG = None
) -> PairOutcome:
    """Compare what two nets answer: `answer_changes`, `output_distances` and `class_recalls`.

    Parameters
    ----------
    sparse, dense
        Logits [n, classes] on the same samples.
    labels
        Their classes [n].
    rng
        Seed or generator for the null model of `class_recalls`.

    Examples
    --------
    >>> logits = [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]
    >>> outcome = pair_outcome(logits, logits, [0, 1, 1], rng=0)
    >>> outcome.answers.agreement, outcome.outputs.kl, outcome.answers.n_regressions
    (1.0, 0.0, 0)
    """
    return PairOutcome(
        answer_changes(sparse, dense, labels),
        output_distances(sparse, dense, labels),
        class_recalls(sparse, dense, labels, rng=rng),
    )
