"""The forms of the weights that modules are sought on, and what chance means for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netsculpt.core.declared import holds_together, is_own_weights, is_without_weights, variations
from netsculpt.graph.streams import without_stream_edges
from netsculpt.nulls import rebalanced, restored

if TYPE_CHECKING:
    from collections.abc import Callable

    from netsculpt.graph.graph import NetGraph
    from netsculpt.nulls.significance import Null

__all__ = ["Setting", "forms_for"]


def forms_for(detector: Callable[..., Any], forms: tuple[str, ...]) -> tuple[str, ...]:
    """The forms of the weights that a detector is run on: the first, if it reads no weights."""
    return forms[:1] if is_without_weights(detector) else forms


@dataclass(frozen=True)
class Setting:
    """How a detector and a form of the weights go together.

    Most detectors compare weights: they get the form. Some decode what units compute from the
    weights as they are, signs included (`netsculpt.core.declared.on_own_weights`): such a one gets
    the network's own weights, or the pattern if the pattern is asked for. Q is of the form either
    way, and null networks are treated as the network itself: the detector reads the weights that
    the null model drew, and Q is of their form.

    ========= ================= ==================================================
    form      detectors read    null networks
    ========= ================= ==================================================
    balanced  balanced weights  ``rebalanced(null)``
    balanced  own weights       ``restored(null)``: the same, signs and scales back
    pattern   pattern           ``null``
    magnitude |weights|, or own ``null``
    ========= ================= ==================================================

    A detector that takes ``together`` gets streams in one piece: units joined one to one by
    wiring (`netsculpt.graph.streams`), which then weighs 0. To the others it is edges like any.

    Hierarchies and flow are of the same form: edges (pattern), balanced weights, or magnitudes.
    """

    form: str  # in netsculpt.core.forms
    own: bool  # whether the detector reads the network's own weights
    streams: bool = False  # whether it holds streams together, so that their wiring is 0

    @classmethod
    def of(cls, detector: Callable[..., Any], form: str, *, streams: bool = False) -> Setting:
        """How `detector` and `form` go together in a network that has streams or has none."""
        own = is_own_weights(detector) and form != "pattern"
        return cls(form, own, streams and holds_together(detector))

    def read(self, graph: NetGraph) -> NetGraph:
        """What the detector reads: the network in this form, or as it is."""
        return graph if self.own else self.judged(graph)

    def judged(self, graph: NetGraph) -> NetGraph:
        """What Q is computed on: the network in this form."""
        judged: NetGraph = getattr(graph, self.form)
        if self.form == "balanced":
            # To 24 bits: where structure makes weights equal, the last bits of float64 would break
            # ties in another way for every scaling of the units.
            judged = judged.with_weights(judged.weights.data.astype(np.float32))
        return without_stream_edges(judged) if self.streams else judged

    def null(self, null: Null) -> Null:
        """The null model of what the detector reads, made from one of the catalogue."""
        if self.form != "balanced":
            return null
        return restored(null) if self.own else rebalanced(null)

    def weighed(self, graph: NetGraph) -> NetGraph:
        """What the hierarchy is inferred from in this form; paths count alike on the pattern."""
        return graph.pattern if self.form == "pattern" else graph

    def weighed_null(self, null: Null) -> Null:
        """The null model of what the hierarchy is inferred from."""
        return rebalanced(null) if self.form == "balanced" else null

    def is_scale_bound(self, detector: Callable[..., Any]) -> bool:
        """Whether the modules change when a unit's weights are scaled and its function is not."""
        reads_scales = self.own or self.form == "magnitude"
        return reads_scales and "unit scales" in variations(detector)
