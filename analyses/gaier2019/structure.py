"""How the published networks differ from chance with the same degrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gaier2019.networks import JOINTS, network
from gaier2019.rewiring import swapped
from netsculpt.core.random import stream
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.graph import NetGraph
from netsculpt.modules import layered, quality
from netsculpt.nulls import holm, significance
from netsculpt.paths import depth, log10_path_total
from netsculpt.studies.study import Rows

BIPED = "biped"


def modularity(graph: NetGraph) -> float:
    """Q of the modules of the pattern, seed 0."""
    return float(quality(graph.pattern, layered(graph.pattern, rng=0)))


def paths(graph: NetGraph) -> float:
    """Decimal logarithm of the number of input→output paths."""
    return float(log10_path_total(graph.pattern))


def longest(graph: NetGraph) -> float:
    """Edges on the longest path."""
    return float(depth(graph).max())


def sides(graph: NetGraph) -> float:
    """How much more the two joints of a leg share hidden units than joints of two legs do.

    The similarity of two outputs is the cosine of the numbers of paths from hidden units to them.
    """
    hidden = np.concatenate(
        [np.arange(x.start, x.stop) for x in graph.layers if x.role == "hidden"]
    )
    counts = {
        joint: paths_to(graph, int(output))[hidden]
        for joint, output in zip(JOINTS, graph.outputs, strict=True)
    }
    same = [cosine(counts["hip 1"], counts["knee 1"]), cosine(counts["hip 2"], counts["knee 2"])]
    other = [
        cosine(counts[one], counts[two])
        for one, two in combinations(JOINTS, 2)
        if one[-1] != two[-1]
    ]
    return float(np.mean(same) - np.mean(other))


def paths_to(graph: NetGraph, output: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Number of paths from each unit [U] to one output."""
    pattern = graph.pattern.weights
    counts = np.zeros(graph.n_units)
    counts[output] = 1
    for unit in range(output - 1, -1, -1):
        row = slice(pattern.indptr[unit], pattern.indptr[unit + 1])
        counts[unit] += counts[pattern.indices[row]].sum()
    return counts


def cosine(one: Any, two: Any) -> float:
    """Cosine of two vectors, 0 if one is 0."""
    norm = np.linalg.norm(one) * np.linalg.norm(two)
    return float(one @ two / norm) if norm else 0.0


MEASURES: Mapping[str, Callable[[NetGraph], float]] = {
    "log10 paths": paths,
    "longest path": longest,
    "modularity": modularity,
}


@dataclass(frozen=True)
class Structure:
    """A published network against networks of the same degrees."""

    folder: str
    name: str
    content: str  # digest of the file
    n_nulls: int = 200
    n_shuffles: int = 10_000
    seed: int = 0

    def rows(self) -> Rows:
        """One row per measure, and one per activation."""
        graph = network(self.folder, self.name)
        measures = dict(MEASURES) | ({"sides": sides} if self.name == BIPED else {})
        rows = []
        for name, measure in measures.items():
            found = [
                significance(measure, graph, null=swapped, n=self.n_nulls, rng=self.seed, tail=tail)
                for tail in ("greater", "less")
            ]
            p = min(1.0, 2 * min(test.p for test in found))
            test = found[0]
            rows.append(
                {
                    "network": self.name,
                    "measure": name,
                    "value": test.value,
                    "null_mean": test.mean,
                    "null_sd": test.sd,
                    "z": test.z,
                    "p": p,
                }
            )
        return {"structure": rows, "positions": self._positions(graph)}

    def _positions(self, graph: NetGraph) -> list[dict[str, Any]]:
        """Mean depth of the hidden units of each activation, against shuffled activations."""
        hidden = np.concatenate(
            [np.arange(x.start, x.stop) for x in graph.layers if x.role == "hidden"]
        )
        depths = depth(graph)[hidden] / depth(graph).max()
        names = graph.attributes[ACTIVATION][hidden]
        rng = stream(self.seed, "activations", self.name)
        draws = np.array([rng.permutation(depths) for _ in range(self.n_shuffles)])
        rows = []
        for name in sorted(set(names.tolist())):
            chosen = names == name
            value, nulls = depths[chosen].mean(), draws[:, chosen].mean(axis=1)
            tail = min((nulls >= value - 1e-12).sum(), (nulls <= value + 1e-12).sum())
            rows.append(
                {
                    "network": self.name,
                    "activation": name,
                    "n": int(chosen.sum()),
                    "mean_depth": value,
                    "expected": nulls.mean(),
                    "z": (value - nulls.mean()) / nulls.std(),
                    "p": min(1.0, 2 * (tail + 1) / (self.n_shuffles + 1)),
                }
            )
        adjusted = holm([row["p"] for row in rows])
        return [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]
