"""Which module of a target corresponds to which of a source, and whether by more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.compare.reuse import similarity as similarities
from netsculpt.compare.reuse.similarity import Similarity
from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.partition import Partition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MatchedModules", "ModuleActivations", "ModuleMatching", "match_by_activations"]
__all__ += ["match_by_units"]

_TIE = 1e-9
_CONSTANT = 1e-12  # of the largest activation: a unit that varies less is constant

_BY_ACTIVATIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {"correlation": similarities.correlation, "cka": similarities.cka}
)


@dataclass(frozen=True, eq=False)
class ModuleActivations:
    """Activations of the units of a net on samples, and its modules."""

    values: ArrayLike  # [n, U], what each unit sends on
    partition: Partition  # of the U units; −1 for inputs, which are the same in both nets
    layer_of: ArrayLike  # [U] number of each unit's layer


@dataclass(frozen=True)
class MatchedModules:
    """A source module and the target module that it is matched to."""

    source: int
    target: int
    similarity: float  # 0 … 1 (CKA: down to a little below 0)
    chance: float  # mean of what the source module is matched by in random modules
    z: float  # (similarity − chance) / their standard deviation; NaN without spread
    p: float  # (number of null draws at least as similar + 1) / (n_draws + 1)
    q: float  # p adjusted for the number of source modules (Benjamini and Hochberg)
    least_p: float  # chance that random modules contain the target module itself: p is hardly lower


@dataclass(frozen=True, eq=False)
class ModuleMatching:
    """The one-to-one matching of largest total similarity; modules left over are unmatched."""

    kind: str  # "jaccard", "correlation", "cka"
    similarity: NDArray[np.float64]  # [M_S, M_T]; NaN for a module whose units are all constant
    pairs: tuple[MatchedModules, ...]
    sizes: tuple[tuple[int, ...], tuple[int, ...]]  # units compared, by module: source, target
    n_draws: int

    def significant(self, level: float = 0.05) -> tuple[MatchedModules, ...]:
        """Pairs with q ≤ level."""
        return tuple(pair for pair in self.pairs if pair.q <= level)

    def table(self) -> pd.DataFrame:
        """One row per matched pair."""
        import pandas as pd

        names = ["source", "target", "similarity", "chance", "z", "p", "q", "least_p"]
        return pd.DataFrame([asdict(x) for x in self.pairs], columns=names)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        n_source, n_target = self.similarity.shape
        found = [x.similarity for x in self.pairs]
        summary: dict[str, Any] = plain(
            {
                "kind": self.kind,
                "n_modules": [n_source, n_target],
                "n_significant": len(self.significant()),
                "mean_similarity": float(np.mean(found)) if found else math.nan,
                "pairs": [asdict(x) for x in self.pairs],
                "n_draws": self.n_draws,
            }
        )
        return summary


def match_by_units(
    source: Partition,
    target: Partition,
    layer_of: ArrayLike,
    *,
    n_draws: int = 999,
    rng: RNG = None,
) -> ModuleMatching:
    """Match modules of two nets whose unit i is the same: by the Jaccard index of their units.

    For a target that started from the source. It says where modules are, not what they compute.

    Parameters
    ----------
    source, target
        Modules of the same units [U]; −1 for none.
    layer_of
        Number of each unit's layer [U], as `NetGraph.layer_of`.
    n_draws, rng
        As in `match_by_activations`.

    Examples
    --------
    >>> matching = match_by_units(Partition([0, 0, 1, 1]), Partition([0, 0, 0, 1]), [0] * 4, rng=0)
    >>> [(x.source, x.target, round(x.similarity, 3)) for x in matching.pairs]
    [(0, 0, 0.667), (1, 1, 0.5)]
    """
    labels = source.labels, target.labels
    layers = np.asarray(layer_of)
    if labels[0].shape != labels[1].shape or layers.shape != labels[0].shape:
        raise GraphError(
            f"the source has {labels[0].size} labels, the target {labels[1].size}, and layers are "
            f"given of {layers.size} units: one each for the same units is needed; match other "
            "nets by their activations"
        )
    sizes = source.n_modules, target.n_modules
    measure = similarities.jaccard(labels[0], sizes)
    return _matched("jaccard", measure, labels[0], labels[1], layers, n_draws, rng)


def match_by_activations(
    source: ModuleActivations,
    target: ModuleActivations,
    *,
    similarity: Literal["correlation", "cka"] = "correlation",
    n_draws: int = 999,
    rng: RNG = None,
) -> ModuleMatching:
    r"""Match modules of two nets by what their units do on the same samples.

    Modules are matched one to one so that the total similarity is largest. A source module's
    similarity is compared with what it is matched by if the labels of the target's units are
    shuffled within layers and matched again: modules at random, of the same sizes and layers, with
    the same choice among them. So a module that fills its layers, as in a net with one module, is
    never significant.

    Parameters
    ----------
    source, target
        Activations of both nets on the same samples [n, …]; all 2ⁿ inputs of a Boolean task. The
        nets may have different widths and depths. Units that are constant take no part.
    similarity
        "correlation": mean over the units of both modules of their largest |correlation| with a
        unit of the other; permuting or scaling units changes nothing. "cka": debiased linear CKA,
        which large activations dominate.
    n_draws
        Number of null draws; the smallest p is 1/(n_draws + 1).
    rng
        Seed or generator. Draw i depends on the seed and i alone.

    Raises
    ------
    FormatError
        If activations, labels and layers do not fit, or the samples are not the same number.

    Notes
    -----
    O(n U_S U_T) once and O(U_S U_T + M³) a draw. Two implementations of one function match by their
    outputs alone, which leaves the mean below 1: the similarity is of implementations.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 8))
    >>> one = ModuleActivations(x, Partition([0, 0, 0, 0, 1, 1, 1, 1]), [0] * 8)
    >>> other = ModuleActivations(-3 * x[:, ::-1], one.partition, [0] * 8)
    >>> matching = match_by_activations(one, other, rng=0)
    >>> [(x.source, x.target, round(x.similarity, 6), x.q < 0.05) for x in matching.pairs]
    [(0, 1, 1.0, True), (1, 0, 1.0, True)]
    """
    if similarity not in _BY_ACTIVATIONS:
        raise FormatError(
            f"similarity is {similarity!r:.80}: one of {', '.join(_BY_ACTIVATIONS)} is needed"
        )
    x, labels, _ = _varying(source, "source")
    y, other, layers = _varying(target, "target")
    if len(x) != len(y):
        raise FormatError(
            f"activations are of {len(x)} and {len(y)} samples: the same samples are needed"
        )
    sizes = source.partition.n_modules, target.partition.n_modules
    measure = _BY_ACTIVATIONS[similarity](labels, sizes, x, y)
    return _matched(similarity, measure, labels, other, layers, n_draws, rng)


def _varying(
    net: ModuleActivations, name: str
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """Activations [n, u], labels [u] and layers [u] of the units that are not constant."""
    values = np.asarray(net.values, dtype=np.float64)
    labels, layers = net.partition.labels, np.asarray(net.layer_of, dtype=np.int64)
    if values.ndim != 2 or labels.shape != layers.shape or labels.shape != values.shape[1:]:
        raise FormatError(
            f"activations of the {name} are {list(values.shape)}, labels {list(labels.shape)}, "
            f"layers {list(layers.shape)}: [n, units], [units] and [units] are needed"
        )
    if not np.isfinite(values).all():
        raise FormatError(f"activations of the {name} are not all finite")
    varies = np.ptp(values, axis=0) > _CONSTANT * np.abs(values).max(axis=0, initial=0.0)
    return values[:, varies], labels[varies], layers[varies]


def _matched(
    kind: str,
    measure: Similarity,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    layer_of: NDArray[Any],
    n_draws: int,
    rng: RNG,
) -> ModuleMatching:
    checked_whole(n_draws, "n_draws", least=1)
    given = measure(target)
    chosen = _assigned(given)
    seed = root_seed(rng)
    draws = np.full((n_draws, len(given)), np.nan)
    for index in range(n_draws):
        shuffled = _shuffled(target, layer_of, stream(seed, "matching", index))
        drawn = measure(shuffled)
        pairs = _assigned(drawn)
        draws[index, list(pairs)] = [drawn[pair] for pair in pairs.items()]
    tests = [_tested(given[pair], draws[:, pair[0]]) for pair in chosen.items()]
    adjusted = benjamini_hochberg([test[2] for test in tests]).tolist()
    least = _least_p(target, layer_of, given.shape[1])
    matched = tuple(
        MatchedModules(*pair, float(given[pair]), *test, q, least[pair[1]])
        for pair, test, q in zip(chosen.items(), tests, adjusted, strict=True)
    )
    sizes = [
        tuple(np.bincount(x[x >= 0], minlength=n).tolist())
        for x, n in zip((source, target), given.shape, strict=True)
    ]
    given.flags.writeable = False
    return ModuleMatching(kind, given, matched, (sizes[0], sizes[1]), n_draws)


def _assigned(similarity: NDArray[np.float64]) -> dict[int, int]:
    """The target module of each source module; pairs of undefined similarity are left out."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.nan_to_num(similarity), maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {s: t for s, t in pairs if not np.isnan(similarity[s, t])}


def _shuffled(
    labels: NDArray[np.int32], layer_of: NDArray[Any], generator: np.random.Generator
) -> NDArray[np.int32]:
    """Labels dealt out at random within each layer."""
    drawn = np.empty_like(labels)
    at_random = np.lexsort((generator.random(labels.size), layer_of))
    drawn[np.argsort(layer_of, kind="stable")] = labels[at_random]
    return drawn


def _least_p(labels: NDArray[np.int32], layer_of: NDArray[Any], n_modules: int) -> list[float]:
    """Chance that labels dealt out within layers make each module again, under whatever label.

    A module of k_l of the n_l units of layer l is one of ∏ C(n_l, k_l) sets, and r modules with as
    many units in each layer are drawn: r / ∏ C(n_l, k_l).
    """
    layers = np.unique(layer_of)
    n = [int((layer_of == layer).sum()) for layer in layers]
    profiles = [
        tuple(int(((layer_of == layer) & (labels == module)).sum()) for layer in layers)
        for module in range(n_modules)
    ]
    return [profiles.count(profile) / math.prod(map(math.comb, n, profile)) for profile in profiles]


def _tested(value: float, draws: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean of the draws, z and p; a draw in which the module is left over is less extreme."""
    p = (int((draws >= value - _TIE).sum()) + 1) / (draws.size + 1)
    drawn = draws[~np.isnan(draws)]
    if not drawn.size:
        return math.nan, math.nan, p
    mean, sd = float(drawn.mean()), float(drawn.std())
    return mean, (float(value) - mean) / sd if sd > _TIE else math.nan, p
