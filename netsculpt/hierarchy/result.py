"""The result type: a hierarchy of modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.plain import plain
from netsculpt.graph.partition import Partition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EVIDENCE", "Evidence", "Hierarchy", "Link", "Module", "Verdict"]

Verdict = Literal["no circle", "above chance", "feedback", "chance"]
Evidence = Literal["more than chance", "no more than chance", "untested"]

EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)

_MOST_NAMED = 3  # labels of merged modules that a name lists
_TESTED = ("z", "net_z", "p")  # of a link: None where null networks say nothing


@dataclass(frozen=True)
class Module:
    """One node of the hierarchy."""

    label: int  # in Hierarchy.partition
    n_units: int
    units_by_layer: tuple[int, ...]  # [L] units of the module in each layer
    level: int  # length of the longest path to it, 0 = fed by no module
    trophic_level: float  # MacKay et al. 2020, lowest = 0
    reuse: int  # distinct downstream modules it feeds, plus fed outputs without a module
    feeds: tuple[int, ...]  # their labels
    fed_by: tuple[int, ...]
    inputs_seen: tuple[int, ...]  # input units [U index] with a path into the module
    outputs_served: tuple[int, ...]  # output units [U index] that the module has a path to
    path_share: float  # share of all input→output path weight (magnitude) through the module, 0 … 1
    members: tuple[int, ...] = ()  # its labels in the given partition: one unless merged

    @property
    def name(self) -> str:
        """Label in the given partition; "0+2+5" for a merged module, shortened if long."""
        labels = [str(label) for label in self.members or (self.label,)]
        short = (
            labels if len(labels) <= _MOST_NAMED else [*labels[: _MOST_NAMED - 1], "…", labels[-1]]
        )
        return "+".join(short)


@dataclass(frozen=True)
class Link:
    """All edges from one module to another, compared with null networks of the same partition."""

    source: int  # label of the module
    target: int
    n_edges: int
    weight: float  # summed over its edges; of balanced weights, 1 is an average edge
    steps_per_path: float  # mean number of such steps on a path drawn by weight; may exceed 1
    chance: float  # mean weight in null networks
    z: float | None  # of the weight; ±inf where null networks do not vary, but differ
    net_z: float | None  # of the weight minus that of the way back
    p: float | None  # links with as much excess in a null network, per link here: see `ordered`
    verdict: Verdict  # "no circle", "above chance": kept; "feedback", "chance": left out
    evidence: Evidence = "untested"  # what null networks say; "untested" where they do not vary:
    # z, net_z and p are then None


def _columns(rows: Sequence[Any], kind: type[Any]) -> dict[str, list[Any]]:
    """The fields of objects of one dataclass, by name."""
    return {x.name: [getattr(row, x.name) for row in rows] for x in fields(kind)}


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A DAG of modules with levels."""

    partition: Partition  # after merging: labels [U] name the modules below
    modules: tuple[Module, ...]  # [M]
    edges: csr_array  # [M, M] summed weight from module to module, no diagonal
    level: NDArray[np.int64]  # [M]
    merged: tuple[tuple[int, ...], ...]  # given labels of modules that feed each other, now one
    flow_hierarchy: float  # of the quotient before merging: share of edges on no cycle, 0 … 1
    # of the quotient before merging, 0 = perfectly layered … 1; NaN if no module feeds another
    trophic_incoherence: float
    unit_names: Mapping[int, str] = field(default_factory=dict)  # of inputs and outputs, if known
    links: tuple[Link, ...] = ()  # every link of the given modules; () if they were not tested

    def __repr__(self) -> str:
        n_levels = int(self.level.max(initial=-1)) + 1
        counts = f"{len(self.modules)} modules on {n_levels} levels, {self.edges.nnz} links"
        return f"Hierarchy({self.kind}: {counts})"

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        return str(self.table().to_html(index=False))

    @property
    def kind(self) -> Literal["one", "merged", "ordered", "parallel", "partly ordered"]:
        """What the modules are to each other.

        "one": there is no second module. "merged": some feed each other and are one here. Else
        "ordered": no link was left out as chance, modules read what others computed. "parallel":
        no link is kept, none feeds another. "partly ordered": some links are kept, some left out.
        """
        if self.merged:
            return "merged"
        if len(self.modules) < 2:
            return "one"
        if not self.edges.nnz:
            return "parallel"
        left_out = any(link.verdict == "chance" for link in self.links)
        return "partly ordered" if left_out else "ordered"

    @property
    def feedback(self) -> tuple[Link, ...]:
        """Links that carry more than chance but lead back: the lightest that close circles."""
        return tuple(link for link in self.links if link.verdict == "feedback")

    @property
    def left_out(self) -> tuple[Link, ...]:
        """Links on circles that carry no more than chance."""
        return tuple(link for link in self.links if link.verdict == "chance")

    @property
    def edge_evidence(self) -> tuple[Evidence, ...]:
        """What null networks say of each link kept, in the order of ``edges.data``.

        "untested" for all of a hierarchy without `links`. A link on no circle is kept whatever
        null networks say.
        """
        said = {(link.source, link.target): link.evidence for link in self.links}
        ends = self.edges.tocoo()
        kept = zip(ends.row.tolist(), ends.col.tolist(), strict=True)
        return tuple(said.get(pair, "untested") for pair in kept)

    def link_table(self) -> pd.DataFrame:
        """One row per link, kept or not, in the order of source and target; NaN if untested."""
        import pandas as pd

        return pd.DataFrame(self.link_columns())

    def link_columns(self) -> dict[str, Any]:
        """The columns of `link_table`, without pandas."""
        columns = _columns(self.links, Link)
        return columns | {name: np.array(columns[name], float) for name in _TESTED}  # None: NaN

    def table(self) -> pd.DataFrame:
        """One row per module, with counts of inputs and outputs."""
        import pandas as pd

        return pd.DataFrame(self.columns())

    def columns(self) -> dict[str, Any]:
        """The columns of `table`, without pandas."""
        counted = {"inputs_seen", "outputs_served"}
        return {
            f"n_{name}" if name in counted else name: list(map(len, values))
            if name in counted
            else values
            for name, values in _columns(self.modules, Module).items()
        }

    def summary(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, JSON-able; what is undefined is None.

        Inputs and outputs are listed by name.
        """
        return {
            "n_modules": len(self.modules),
            "n_levels": int(self.level.max(initial=-1)) + 1,
            "flow_hierarchy": self.flow_hierarchy,
            "trophic_incoherence": plain(self.trophic_incoherence),
            "kind": self.kind,
            "kept": {name: self.edge_evidence.count(name) for name in EVIDENCE},
            "merged": [list(group) for group in self.merged],
            "links": [_plain(link) for link in self.links],
            "modules": [
                {
                    name: list(value) if isinstance(value, tuple) else value
                    for name, value in vars(module).items()
                }
                | {
                    "inputs_seen": self._names(module.inputs_seen),
                    "outputs_served": self._names(module.outputs_served),
                }
                for module in self.modules
            ],
        }

    def _names(self, units: Iterable[int]) -> list[str]:
        return [self.unit_names.get(unit, str(unit)) for unit in units]


def _plain(link: Link) -> dict[str, Any]:
    """JSON knows no infinity: a z that is none is None."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in vars(link).items()
    }
