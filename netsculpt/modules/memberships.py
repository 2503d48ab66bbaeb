"""Overlapping modules: one per function, a unit in every one that it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_number
from netsculpt.graph.graph import NetGraph, live_units, unit_names
from netsculpt.graph.partition import NO_MODULE, Partition

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from pandas import DataFrame

__all__ = ["Memberships", "functional_memberships"]

_TIE = 1e-9  # relative; less is rounding


@dataclass(frozen=True, eq=False)
class Memberships:
    """How much each unit belongs to each module, 0 … 1; 0 means that it does not.

    A unit may belong to several modules, so this says what a partition cannot: a unit that serves
    two functions is in both. `partition` and `sets` are its two hard forms.

    Examples
    --------
    >>> shared = Memberships([[1, 0], [0.4, 0.4], [0, 1], [0, 0]])
    >>> shared.partition.labels.tolist()  # the tie of the second unit goes to module 0
    [0, 0, 1, -1]
    >>> shared.sets.labels.tolist()
    [0, 1, 2, -1]
    """

    strength: NDArray[np.float64]  # [U, M]
    method: str = ""

    def __init__(self, strength: ArrayLike, method: str = "") -> None:
        values = np.array(strength, dtype=np.float64)
        if values.ndim != 2 or not ((values >= 0) & (values <= 1)).all():
            raise GraphError(
                f"memberships have shape {list(values.shape)}, from {values.min(initial=0)} to "
                f"{values.max(initial=0)}: [units, modules] of numbers from 0 to 1 are needed"
            )
        values.flags.writeable = False
        object.__setattr__(self, "strength", values)
        object.__setattr__(self, "method", method)

    @property
    def n_modules(self) -> int:
        """M."""
        return int(self.strength.shape[1])

    @property
    def members(self) -> NDArray[np.bool_]:
        """Whether each unit belongs to each module [U, M]."""
        return np.asarray(self.strength > 0)

    @property
    def partition(self) -> Partition:
        """Each unit in the module that it belongs to most [U], −1 if in none.

        Of modules that it belongs to equally, up to rounding, the first. A module that no unit
        belongs to most is missing, and modules are numbered as in every `Partition`.
        """
        labels = np.full(self.strength.shape[0], NO_MODULE, dtype=np.intp)
        some = self.members.any(axis=1)
        most = self.strength[some].max(axis=1, keepdims=True, initial=0)
        if some.any():
            labels[some] = (self.strength[some] >= most * (1 - _TIE)).argmax(axis=1)
        return Partition(labels, self.method)

    @property
    def sets(self) -> Partition:
        """Units that belong to the same modules together [U], −1 if in none."""
        labels = np.unique(self.members, axis=0, return_inverse=True)[1].reshape(-1)
        return Partition(np.where(self.members.any(axis=1), labels, NO_MODULE), self.method)

    def table(self, graph: NetGraph) -> DataFrame:
        """A row per unit, a column per module: how much it belongs to it, 0 … 1.

        Raises
        ------
        GraphError
            If the graph has another number of units.
        """
        import pandas as pd

        if graph.n_units != self.strength.shape[0]:
            raise GraphError(
                f"the memberships are of {self.strength.shape[0]} units, the graph has "
                f"{graph.n_units}: give the graph that they were found in"
            )
        columns = [f"module {module}" for module in range(self.n_modules)]
        return pd.DataFrame(self.strength, pd.Index(unit_names(graph), name="unit"), columns)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        modules_of_unit = self.members.sum(axis=1)
        return {
            "method": self.method,
            "n_modules": self.n_modules,
            "sizes": self.members.sum(axis=0).tolist(),
            "in_no_module": int((modules_of_unit == 0).sum()),
            "in_several": int((modules_of_unit > 1).sum()),
        }


def functional_memberships(
    graph: NetGraph,
    influence: NDArray[np.float64],
    *,
    alike: float = 0.85,
    idle: float = 0.02,
) -> Memberships:
    r"""One module per function of the outputs, and how much each unit serves it, on data.

    1. **Functions.** Outputs that change together are one function: those with
       :math:`T_{oo'} / \sqrt{T_{oo} T_{o'o'}}` ≥ `alike`, directly or through others. The cosine of
       a function and itself or its negation is 1, wherever in the network they are computed.
    2. **Service.** How much a unit belongs to a function is its mean influence on the function's
       outputs over the largest of all units that are not outputs; none if that is not above `idle`.
       An output belongs to its own function alone, by 1.

    Parameters
    ----------
    graph
        The network.
    influence
        Influence of each unit on each output [U, O], at least 0, outputs in the order of
        ``graph.outputs``. The row of an output is how often each output changes together with it,
        and its own entry how often it changes.
    alike
        Cosine from which on two outputs are one function, below 1. In networks sculpted for the
        four exemplar tasks of Neural Sculpting it is 1 inside functions, and between them at most
        .71: the cosine of a unit that serves one function and one that serves two equally.
    idle
        Share of the largest influence on a function up to which a unit does not serve it, below
        1. Of a sample, or of a network with wrong answers, less than about .05 may be chance.

    Returns
    -------
    Memberships
        [U, F] for F functions, numbered by their first output. Zero for dead units, idle units and
        outputs that never change.

    Raises
    ------
    GraphError
        If `influence` does not fit the graph, is negative or not finite, or a parameter is not in
        0 … below 1.

    Notes
    -----
    Time and memory O(U O + O²).

    Examples
    --------
    Two functions of a separate and a common input.

    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1, 1, 0], [0, 1, 1]]])
    >>> rows = [[0.5, 0.0], [0.2, 0.1], [0.0, 0.5], [0.3, 0.1], [0.1, 0.3]]
    >>> result = functional_memberships(graph, np.array(rows))
    >>> result.strength.tolist()
    [[1.0, 0.0], [0.4, 0.2], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    >>> result.sets.labels.tolist()
    [0, 1, 2, 0, 2]
    """
    _check(graph, influence, alike, idle)
    outputs, live = graph.outputs, live_units(graph)
    function = _functions(influence[outputs], alike)
    function[~live[outputs]] = NO_MODULE
    of = function[:, None] == np.arange(function.max(initial=NO_MODULE) + 1)
    mean = influence @ (of / np.maximum(of.sum(axis=0), 1))
    mean[~live] = mean[outputs] = 0.0
    largest = mean.max(axis=0, initial=0.0)
    strength = mean / np.where(largest > 0, largest, 1.0)
    strength[mean <= idle * largest] = 0.0
    strength[outputs] = of
    return Memberships(strength, "functional")


def _functions(together: NDArray[np.float64], alike: float) -> NDArray[np.intp]:
    """Function of each output [O], −1 if it never changes."""
    often = np.sqrt(together.diagonal())
    changing = np.flatnonzero(often > 0)
    cosine = together[np.ix_(changing, changing)] / np.outer(often[changing], often[changing])
    function = np.full(often.size, NO_MODULE, dtype=np.intp)
    _, function[changing] = connected_components(cosine >= alike, directed=False)
    return function


def _check(graph: NetGraph, influence: NDArray[np.float64], alike: float, idle: float) -> None:
    checked_number(alike, "alike", least=0, below=1)
    checked_number(idle, "idle", least=0, below=1)
    needed = (graph.n_units, graph.outputs.size)
    if influence.shape != needed:
        raise GraphError(
            f"influence is {list(influence.shape)}, the graph has {needed[0]} units and "
            f"{needed[1]} outputs: measure it on the net that the graph was made from, including "
            "dead units"
        )
    if not np.isfinite(influence).all() or influence.min(initial=0.0) < 0:
        raise GraphError("influence has negative, infinite or NaN entries: numbers ≥ 0 are needed")
