"""What detectors read of a network, and the modules that one of them finds there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.declared import (
    evidence_of,
    holds_together,
    is_own_weights,
    is_without_weights,
    variations,
)
from netsculpt.core.parallel import for_threads
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.graph.streams import stream_labels, without_stream_edges
from netsculpt.modules.quality import quality

__all__ = ["Detection", "Reading", "forms_for"]


def forms_for(detector: Callable[..., Any], forms: tuple[str, ...]) -> tuple[str, ...]:
    """The forms of the weights that a detector is run on: the first, if it reads no weights."""
    return forms[:1] if is_without_weights(detector) else forms


@dataclass(frozen=True)
class Reading:
    """How a detector and a form of the weights go together.

    Most detectors compare weights: they get the form. Some decode what units compute from the
    weights as they are, signs included (`netsculpt.core.declared.on_own_weights`): such a one gets
    the network's own weights, or the pattern if the pattern is asked for. Q is of the form either
    way, and null networks are treated as the network itself: the detector reads the weights that
    the null model drew (`netsculpt.nulls.in_form`), and Q is of their form.

    ========= =================
    form      detectors read
    ========= =================
    balanced  balanced weights, or own
    pattern   pattern
    magnitude |weights|, or own
    ========= =================

    A detector that takes ``together`` gets streams in one piece: units joined one to one by
    wiring (`netsculpt.graph.streams`), which then weighs 0. To the others it is edges like any.

    Hierarchies and flow are of the same form: edges (pattern), balanced weights, or magnitudes.
    """

    form: str  # in netsculpt.core.forms
    own: bool  # whether the detector reads the network's own weights
    streams: bool = False  # whether it holds streams together, so that their wiring is 0

    @classmethod
    def of(cls, detector: Callable[..., Any], form: str, *, streams: bool = False) -> Reading:
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

    def weighed(self, graph: NetGraph) -> NetGraph:
        """What the hierarchy is inferred from in this form; paths count alike on the pattern."""
        return graph.pattern if self.form == "pattern" else graph

    def is_scale_bound(self, detector: Callable[..., Any]) -> bool:
        """Whether the modules change when a unit's weights are scaled and its function is not."""
        reads_scales = self.own or self.form == "magnitude"
        return reads_scales and "unit scales" in variations(detector)


@dataclass(frozen=True)
class Detection:
    """A detector at work on one network: what it reads, and the modules that it finds.

    `netsculpt.analyze` and `netsculpt.track.follow` both find modules in this way, so that the same
    network and seed give the same modules.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.modules import layered
    >>> graph, _ = planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    >>> work = Detection("layered", layered, "balanced", graph.live(), seed=0)
    >>> partition, _ = work.found()
    >>> partition.n_modules, work.quality(partition) > 0.3
    (2, True)
    """

    name: str  # of the detector; names its random stream
    given: Callable[..., Partition]  # (graph, *, rng)
    form: str  # in netsculpt.core.forms
    live: NetGraph  # of the live units: dead ones change null networks, and no module
    seed: int

    @cached_property
    def streams(self) -> NDArray[np.int32]:
        """The stream of each live unit [U], −1: none."""
        return stream_labels(self.live)

    @cached_property
    def reading(self) -> Reading:
        """What the detector reads of the form."""
        return Reading.of(self.given, self.form, streams=bool((self.streams >= 0).any()))

    @cached_property
    def detector(self) -> Callable[..., Partition]:
        """The detector, which holds streams together if there are any and it can."""
        if not self.reading.streams:
            return self.given
        return partial(self.given, together=self.streams)

    @cached_property
    def read(self) -> NetGraph:
        """The network as the detector reads it."""
        return self.reading.read(self.live)

    def found(self) -> tuple[Partition, Any]:
        """Modules of the live units, and the evidence for them; None if the detector has none."""
        rng = stream(self.seed, self.name)
        weigh = evidence_of(self.given)
        if weigh is None:
            return self.detector(self.read, rng=rng), None
        evidence = weigh(self.read, rng=rng)
        return evidence.partition, evidence

    def quality(self, partition: Partition) -> float:
        """Q of modules of the live units, on the form."""
        return _rounded(self.reading.judged(self.live), partition)

    def statistic(self, observed: float) -> Callable[[NetGraph], float]:
        """Q of the modules found in any network that is `read`; for it itself, `observed`."""
        known = self.read, observed
        return partial(_found_quality, self.detector, self.reading, self.seed, self.name, known)


@for_threads
def _found_quality(
    detector: Callable[..., Partition],
    reading: Reading,
    seed: int,
    name: str,
    known: tuple[NetGraph, float],
    graph: NetGraph,
) -> float:
    """Q of the detector's modules, with the same stream for every graph."""
    if graph is known[0]:
        return known[1]
    partition = detector(graph, rng=stream(seed, name))
    return _rounded(reading.judged(graph) if reading.own else graph, partition)


def _rounded(graph: NetGraph, partition: Partition) -> float:
    """Q to 12 decimals: it is a difference of numbers up to 1, and further digits are noise."""
    return round(quality(graph, partition), 12) + 0.0  # −0 is 0
