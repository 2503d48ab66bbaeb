"""Two analysed networks of one architecture, compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from netsculpt.compare.networks import (
    EdgeChanges,
    ModuleLinks,
    UnitMatching,
    edge_changes,
    match_by_paths,
    module_links,
)
from netsculpt.compare.reuse import ModuleMatching, match_by_units
from netsculpt.core.catalog import named, names
from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.graph.partition import NO_MODULE
from netsculpt.modules import Comparison, compare
from netsculpt.nulls import Significance, by_token, significance
from netsculpt.pipeline.rematching import ami, jaccard, labels_on, moved, rematched, signatures_of

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.pipeline.analysis import Analysis

__all__ = ["NetworkComparison", "compare_networks", "matched_units"]

SHARE = "path_share_weighted"


@dataclass(frozen=True, eq=False)
class NetworkComparison:
    """What became of one network in another: units, edges, path shares, modules and their links.

    Units [U] are those of the first network; its unit i is `matching.partner[i]` of the second.
    """

    first: Analysis
    second: Analysis
    matching: UnitMatching
    edges: EdgeChanges
    edge_test: Significance | None  # of the Jaccard index of all edges, against randomised seconds
    modules: Comparison  # partitions on units that have a module in both
    module_test: Significance | None  # of their AMI; None also for modules found on data
    module_matching: ModuleMatching  # of the first network's modules with those of the second
    links: ModuleLinks  # of the hierarchies

    def __repr__(self) -> str:
        edges, modules = self.edges.total, self.modules
        shared = f"Jaccard {edges.jaccard:.3f} of edges, AMI {modules.ami:.3f} of modules"
        return f"NetworkComparison({self.matching.kind}: {shared})"

    @property
    def second_labels(self) -> tuple[int, ...]:
        """Label in the second analysis of each target module of `module_matching`.

        These are numbered by the units of the first; a module without any of them is not there.
        """
        labels = labels_on(self.second.detected[0].partition, self.matching)
        return tuple(dict.fromkeys(labels[labels != NO_MODULE].tolist()))

    def units(self) -> pd.DataFrame:
        """One row per unit of the first network, from the largest gain of path share to the loss.

        ``path_share`` is of the paths by weight; without a partner the unit's share is lost.
        """
        import pandas as pd

        graph, partner = self.first.graph, self.matching.partner
        has = partner >= 0
        before = self.first.columns[SHARE]
        after = np.where(has, self.second.columns[SHARE][partner], 0.0)
        names = unit_names(self.second.graph)
        modules = self.second.detected[0].partition.labels
        table = pd.DataFrame(
            {
                "unit": np.arange(graph.n_units),
                "name": unit_names(graph),
                "layer": [graph.layers[layer].name for layer in graph.layer_of],
                "partner": [names[unit] if unit >= 0 else "" for unit in partner],
                "cost": self.matching.cost,
                "path_share": before,
                "path_share_second": after,
                "path_share_change": after - before,
                "module": self.first.detected[0].partition.labels,
                "module_second": np.where(has, modules[partner], NO_MODULE),
            }
        )
        return table.sort_values("path_share_change", ascending=False, kind="stable")

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        found = [each.detected[0] for each in (self.first, self.second)]
        summary: dict[str, Any] = plain(
            {
                "units": self.matching.summary(),
                "edges": self.edges.summary(),
                "edges_against_chance": _tested(self.edge_test),
                "modules": {
                    "detector": found[0].key,
                    "n_modules": [each.partition.n_modules for each in found],
                    "verdicts": [each.verdict for each in found],
                    "stability": [each.stability for each in found],
                    **self.modules.summary(),
                },
                "modules_against_chance": _tested(self.module_test),
                "module_matching": self.module_matching.summary(),
                "links": self.links.summary(),
            }
        )
        return summary


def matched_units(first: NetGraph, second: NetGraph, *, rng: RNG = None) -> UnitMatching:
    """Match the units of two networks by where their paths begin and end.

    Paths count by their |weights|. See `netsculpt.compare.networks.match_by_paths`.

    Examples
    --------
    >>> import netsculpt
    >>> graph, _ = netsculpt.planted([8, 8, 8], 2, 0.6, 0.05, rng=0)
    >>> bool((matched_units(graph, graph, rng=0).partner[8:] == np.arange(8, 24)).all())
    True
    """
    return match_by_paths(signatures_of(first), signatures_of(second), rng=rng)


def compare_networks(
    first: Analysis,
    second: Analysis,
    *,
    matching: UnitMatching | None = None,
    n_nulls: int = 19,
    rng: RNG = None,
) -> NetworkComparison:
    """Compare two networks of one architecture.

    Modules and hierarchies are those of the first detector of each analysis: ask both for the same.

    Parameters
    ----------
    first, second
        What `netsculpt.analyze` returns; the second may have become of the first.
    matching
        Which unit is which; default: `matched_units`. `netsculpt.compare.networks.same_units` if
        one network became the other.
    n_nulls
        Randomised second networks, by the null model of the second's plan; 0: none. Each is matched
        as the second was (by paths again, or as it is), so that the choice of partners is in the
        chance, too. A dense network has no others.
    rng
        Seed or generator. Same seed, same bytes.

    Raises
    ------
    GraphError
        If the layers have different names, or other numbers of inputs or outputs.

    Examples
    --------
    >>> import netsculpt
    >>> graph, _ = netsculpt.planted([8, 8, 8], 2, 0.6, 0.05, rng=0)
    >>> analysis = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0), rng=0)
    >>> compared = compare_networks(analysis, analysis, rng=0)
    >>> compared.edges.total.jaccard, compared.modules.ami, compared.edge_test.p
    (1.0, 1.0, 0.05)
    """
    checked_whole(n_nulls, "n_nulls", least=0)
    seed = root_seed(rng)
    keys = [each.detected[0].key for each in (first, second)]
    if keys[0] != keys[1]:
        raise GraphError(
            f"modules are of {keys[0]!r} and of {keys[1]!r}: analyse both networks with one plan"
        )
    if matching is None:
        matching = matched_units(first.graph, second.graph, rng=stream(seed, "units"))
    found = [each.detected[0] for each in (first, second)]
    on_first = moved(found[1].partition, matching)
    edge_test = module_test = None
    if n_nulls and second.graph.density < 1:
        rematch = partial(rematched, signatures_of(first.graph), matching)
        null = by_token(named("nulls", second.plan.null))
        seed_of_nulls = root_seed(stream(seed, "nulls"))
        tested = partial(significance, graph=second.graph, null=null, n=n_nulls, rng=seed_of_nulls)
        edge_test = tested(partial(jaccard, first.graph, rematch))
        if found[1].detector not in names("data_aware"):
            module_test = tested(partial(ami, found[0].partition, second, rematch))
    return NetworkComparison(
        first,
        second,
        matching,
        edge_changes(first.graph, second.graph, matching, found[0].partition),
        edge_test,
        compare(found[0].partition, on_first),
        module_test,
        match_by_units(
            found[0].partition, on_first, first.graph.layer_of, rng=stream(seed, "modules")
        ),
        module_links(
            found[0].hierarchy.edges,
            found[1].hierarchy.edges,
            found[0].hierarchy.partition.labels,
            labels_on(found[1].hierarchy.partition, matching),
        ),
    )


def _tested(test: Significance | None) -> dict[str, Any] | None:
    return None if test is None else test.summary()
