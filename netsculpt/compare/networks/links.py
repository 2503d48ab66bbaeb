"""Which links from module to module two networks share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError

__all__ = ["ModuleLinks", "module_links"]

Links = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ModuleLinks:
    """Links of two hierarchies; modules of the second have the labels of their partners."""

    partner: tuple[int, ...]  # [modules of the first] module of the second; −1: none
    kept: Links  # in both, by labels of the first
    lost: Links  # in the first alone
    new: Links  # in the second alone, by labels of the second

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {name: [*map(_listed, x)] for name, x in asdict(self).items()}


def _listed(value: int | tuple[int, int]) -> int | list[int]:
    return value if isinstance(value, int) else list(value)


def module_links(
    first: csr_array, second: csr_array, labels_first: ArrayLike, labels_second: ArrayLike
) -> ModuleLinks:
    """Match the modules of two hierarchies by their units, and compare who feeds whom.

    Modules are matched one to one so that the summed Jaccard index of their units is largest; two
    without a common unit are not partners.

    Parameters
    ----------
    first, second
        Links from module to module [M, M], [M', M']: stored entries.
    labels_first, labels_second
        Module of each unit [U], of the same units; −1: none.

    Notes
    -----
    Links are few where modules are; what they are worth, the verdicts of both hierarchies say.

    Examples
    --------
    >>> a = csr_array(np.array([[0, 1], [0, 0]]))
    >>> b = csr_array(np.array([[0, 0], [1, 0]]))
    >>> module_links(a, b, [0, 0, 1, 1], [1, 1, 0, 0]).kept
    ((0, 1),)
    """
    from scipy.optimize import linear_sum_assignment

    one, other = (np.asarray(x) for x in (labels_first, labels_second))
    if one.shape != other.shape:
        raise GraphError(
            f"{one.size} and {other.size} labels found: those of the same units are needed"
        )
    n, n_other = first.shape[0], second.shape[0]
    both = (one >= 0) & (other >= 0)
    shared = np.zeros((n, n_other))
    np.add.at(shared, (one[both], other[both]), 1.0)
    sizes = [np.bincount(x[x >= 0], minlength=k) for x, k in ((one, n), (other, n_other))]
    union = sizes[0][:, None] + sizes[1] - shared
    jaccard = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    rows, columns = linear_sum_assignment(jaccard, maximize=True)
    partner = {
        a: b for a, b in zip(rows.tolist(), columns.tolist(), strict=True) if jaccard[a, b] > 0
    }
    links = [_ends(x) for x in (first, second)]
    kept = [(a, b) for a, b in links[0] if (partner.get(a), partner.get(b)) in links[1]]
    of_second = {(partner[a], partner[b]) for a, b in kept}
    return ModuleLinks(
        tuple(partner.get(module, -1) for module in range(n)),
        tuple(kept),
        tuple(x for x in links[0] if x not in kept),
        tuple(x for x in links[1] if x not in of_second),
    )


def _ends(links: csr_array) -> list[tuple[int, int]]:
    entries = links.tocoo()
    return sorted(zip(entries.row.tolist(), entries.col.tolist(), strict=True))
