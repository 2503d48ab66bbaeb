"""The result of an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.modules import chance_of_evidence, verdict, verdict_of_evidence
from netsculpt.nulls.holm import holm

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.graph.partition import Partition
    from netsculpt.hierarchy import Flow, Hierarchy
    from netsculpt.modules import Comparison, ModuleEvidence, Verdict
    from netsculpt.nulls.significance import Significance
    from netsculpt.paths import Effective, PathCore
    from netsculpt.paths.attribution import AttributionScores
    from netsculpt.pipeline.plan import AnalysisPlan
    from netsculpt.tracing import Fidelity

__all__ = ["MODULE_COLUMNS", "UNIT_COLUMNS", "WEIGHTED", "Analysis", "Detected", "PathFacts"]

UNIT_COLUMNS = ("unit", "name", "layer", "role", "position", "live")
WEIGHTED = "_weighted"  # ending of the column of a metric of |weight|
MODULE_COLUMNS = ("module_", "hierarchy_", "consensus_", "confidence_")  # `Detected.key` follows


@dataclass(frozen=True, eq=False)
class PathFacts:
    """The paths of a network as a whole."""

    log10_path_count: float  # input→output paths, each counting 1
    log10_path_weight: float  # Σ over paths of Π |weight|
    core: PathCore | None  # of the pattern, τ = 0.9; None if large, or if one end is one unit
    pair_weights: NDArray[np.float64] | None  # [I, O] edge-weight products; None beyond MAX_PAIRS


@dataclass(frozen=True, eq=False)
class Detected:
    """The modules that one detector found on one form of the weights, and what they are worth."""

    key: (
        str  # names it in tables and figures: "layered", "layered_pattern" if another form is first
    )
    detector: str
    weights: str  # form of the weights that Q is of: "balanced", "pattern", "magnitude"
    partition: Partition  # [U], dead units −1
    quality: float  # layer-aware Q of the partition
    significance: Significance | None  # of Q against the null; None if not tested, by evidence too
    stability: float | None  # `Consensus.stability_of` the partition; None when not measured
    consensus: Partition | None  # [U] of the runs over seeds; None when not measured
    confidence: NDArray[np.float64] | None  # [U] share of these runs that agree with `partition`
    layer_ami: float  # AMI(partition, layer): near 0 is healthy, high means layers were found
    hierarchy: Hierarchy  # tested if there are 20 null networks or more; else circles are merged
    flow: Flow  # from module to module of `partition`
    evidence: ModuleEvidence | None = None  # of detectors that weigh it; arrays of live units
    # Whether the detector declares no draws: its runs are the same, and stability is of
    # `perturbed` ones. `netsculpt.modules.perturbed` leaves out a few edges in each.
    is_deterministic: bool = False
    n_runs: int = 0  # that stability was to be measured over; below 2: not measured

    @property
    def delta(self) -> float | None:
        """ΔQ: Q minus its mean over the null networks; None without null networks."""
        return None if self.significance is None else self.significance.delta

    @property
    def mean_confidence(self) -> float | None:
        """Mean of `confidence` over units with a module; None without one, or when not measured."""
        if self.confidence is None or np.isnan(self.confidence).all():
            return None
        return float(np.nanmean(self.confidence))

    @property
    def p(self) -> float | None:
        """Chance of such modules without any: from the null networks, or else the evidence.

        None if there are neither, or the evidence is not a number. By evidence it is a bound: see
        `netsculpt.modules.chance_of_evidence`.
        """
        if self.significance is not None:
            return self.significance.p
        if self.evidence is None or isnan(self.evidence.evidence):
            return None
        return chance_of_evidence(self.evidence.evidence)

    @property
    def verdict(self) -> Verdict:
        """What the modules are worth: see `netsculpt.modules.verdict`, `verdict_of_evidence`."""
        if self.evidence is not None:
            judged = verdict_of_evidence(self.evidence.evidence, self.stability)
            return judged if self.evidence.accepted or judged == "untested" else "chance"
        test = self.significance
        if test is None:
            return verdict(None, 0, np.nan, self.stability)
        return verdict(test.p, test.n, test.delta, self.stability)


@dataclass(frozen=True, eq=False)
class Analysis:
    """The result of `analyze`."""

    graph: NetGraph
    plan: AnalysisPlan
    seed: int
    effective: Effective
    paths: PathFacts
    columns: dict[str, NDArray[np.float64]]  # metric → [U]
    detected: tuple[Detected, ...]
    agreement: dict[tuple[str, str], Comparison]  # between two of `detected`, by key
    notes: tuple[str, ...]  # what the reader has to know
    fidelity: Fidelity | None = None  # of a traced graph to its net, for the reports
    attribution: AttributionScores | None = None  # of an attribution graph

    def __repr__(self) -> str:
        found = (f"{x.key} {x.verdict}, {x.partition.n_modules} modules" for x in self.detected)
        return f"Analysis({self.graph!r}; {'; '.join(found)})"

    def _repr_html_(self) -> str:
        """The verdicts, in a notebook."""
        return str(self.verdicts().to_html(index=False))

    @property
    def adjusted_p(self) -> dict[str, float]:
        """P-values of all tested modules by key, adjusted for their number: see `nulls.holm`."""
        tested = {each.key: each.p for each in self.detected if each.p is not None}
        return dict(zip(tested, holm(list(tested.values())).tolist(), strict=True))

    def verdicts(self) -> pd.DataFrame:
        """One row per detector and form of the weights: what was found, and what it is worth.

        ``delta`` and ``z`` are of Q against the null networks, ``p`` may be by evidence instead,
        ``adjusted_p`` is Holm's for all rows; NaN where there is none.
        """
        import pandas as pd

        adjusted = self.adjusted_p
        rows = [
            {
                "key": each.key,
                "detector": each.detector,
                "weights": each.weights,
                "n_modules": each.partition.n_modules,
                "quality": each.quality,
                "delta": each.delta,
                "z": None if each.significance is None else each.significance.z,
                "p": each.p,
                "adjusted_p": adjusted.get(each.key),
                "evidence": None if each.evidence is None else each.evidence.evidence,
                "stability": each.stability,
                "verdict": each.verdict,
            }
            for each in self.detected
        ]
        numbers = ["delta", "z", "p", "adjusted_p", "evidence", "stability"]
        return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))

    def units(self) -> pd.DataFrame:
        """One row per unit: its place, whether it is live, every metric, its modules.

        ``confidence_<key>`` is the share of runs over seeds that put the unit into the module that
        ``module_<key>`` names; ``consensus_<key>`` is its module in the consensus of these runs.
        The graph's `attributes` follow ``position``; one whose name a metric or a module column
        has is called ``attribute_<name>``.
        """
        return _frame(self.unit_columns())

    def unit_columns(self) -> dict[str, Any]:
        """The columns of `units`, without pandas."""
        graph, every = self.graph, self.detected
        layers = [graph.layers[layer] for layer in graph.layer_of]
        return {
            "unit": np.arange(graph.n_units),
            "name": unit_names(graph),
            "layer": [layer.name for layer in layers],
            "role": [layer.role for layer in layers],
            "position": graph.positions,
            **{
                f"attribute_{name}"
                if name in self.columns or name.startswith(MODULE_COLUMNS)
                else name: values
                for name, values in graph.attributes.items()
            },
            "live": self.effective.units,
            **{f"module_{x.key}": x.partition.labels for x in every},
            **{f"hierarchy_{x.key}": x.hierarchy.partition.labels for x in every},
            **{f"consensus_{x.key}": x.consensus.labels for x in every if x.consensus is not None},
            **{f"confidence_{x.key}": x.confidence for x in every if x.confidence is not None},
            **self.columns,
        }

    def modules(self) -> pd.DataFrame:
        """One row per node of the hierarchy of each detector and form of the weights.

        ``label`` is the value in column hierarchy_<key> of `units`; ``members`` are the values in
        column module_<key> that the node holds.
        """
        return _frame(self.module_columns())

    def module_columns(self) -> dict[str, Any]:
        """The columns of `modules`, without pandas."""
        return self._joined([each.hierarchy.columns() for each in self.detected])

    def links(self) -> pd.DataFrame:
        """One row per link from module to module that was compared with chance.

        ``weight`` is of the form that `weights` names: the number of edges for "pattern".
        ``evidence`` says whether it is more than chance.
        """
        return _frame(self.link_columns())

    def link_columns(self) -> dict[str, Any]:
        """The columns of `links`, without pandas."""
        return self._joined([each.hierarchy.link_columns() for each in self.detected])

    def flows(self) -> pd.DataFrame:
        """One row per pair of modules with an edge, and per module for what stays inside.

        ``weight`` as in `links`.
        """
        return _frame(self.flow_columns())

    def flow_columns(self) -> dict[str, Any]:
        """The columns of `flows`, without pandas."""
        return self._joined([each.flow.columns() for each in self.detected])

    def _joined(self, tables: list[dict[str, Any]]) -> dict[str, list[Any]]:
        """Tables of each of `detected` below each other, which one it is in the first columns."""
        joined: dict[str, list[Any]] = {}
        for each, table in zip(self.detected, tables, strict=True):
            n_rows = len(next(iter(table.values())))
            told = {x: [getattr(each, x)] * n_rows for x in ("key", "detector", "weights")}
            for name, values in (told | table).items():
                joined.setdefault(name, []).extend(values)
        return joined


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)
