"""Which unit of one model is which of another, by choice on the command line."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import typer

from netsculpt.cli.messages import note
from netsculpt.cli.source import Loaded
from netsculpt.core.counting import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsculpt.compare.networks import UnitMatching
    from netsculpt.graph.graph import NetGraph
    from netsculpt.training.tasks import Task

__all__ = ["PAIRINGS", "pairing_of"]

PAIRINGS = ("auto", "same", "paths", "activations")


def pairing_of(
    first: Loaded, second: Loaded, chosen: str, task: str | None, *, seed: int
) -> UnitMatching:
    """The units of both models, matched as chosen; `task` is for "activations".

    What "auto" measured and chose is said on stderr, if the files do not say how they began.
    """
    from netsculpt.compare.networks import match_by_correlation, same_units
    from netsculpt.pipeline import matched_units

    graphs = first.graph, second.graph
    if chosen == "auto":
        chosen = "same" if _started_alike(first, second) else _seem_alike(*graphs)
    if chosen == "same":
        return same_units(*graphs)
    if chosen != "activations":
        return matched_units(*graphs, rng=seed)
    from netsculpt.training.tasks import parse_task

    assert task is not None
    samples = parse_task(task, rng=0)
    one, other = (_activations(each, samples) for each in (first, second))
    return match_by_correlation(one, other, (graphs[0].layers, graphs[1].layers), rng=seed)


def _started_alike(first: Loaded, second: Loaded) -> bool:
    """Whether both files are of one net and name the same initial weights."""
    if first.model is None or second.model is None:
        return False
    starts = [each.model.metadata.get("initial") for each in (first, second) if each.model]
    return starts[0] is not None and starts[0] == starts[1] and first.model.net == second.model.net


def _seem_alike(first: NetGraph, second: NetGraph) -> str:
    """The pairing that the weights at the same places speak for."""
    from netsculpt.compare.networks import place_agreement

    found = place_agreement(first, second)
    correlate = f"correlate at {found.correlation:.2f} (by chance: 0)"
    measured = (
        f"on the {counted(found.n_edges, 'edge')} that both networks have between units of the "
        f"same places, weights {'do not vary' if isnan(found.correlation) else correlate}"
    )
    if found.is_far_above_chance:
        note(f"--units same: {measured}; --units paths matches units by their paths instead")
        return "same"
    note(
        f"--units paths: {measured}; if one network became the other, --units same takes units at "
        "the same place for the same"
    )
    return "paths"


def _activations(loaded: Loaded, samples: Task) -> NDArray[np.float64]:
    """Activations [n, U] of the units on held-out samples, if there are some."""
    import numpy as np

    from netsculpt.nets.masks import net_from_model
    from netsculpt.training.influence.intervening import intervenable

    where = loaded.source.file
    if loaded.model is None:
        raise typer.BadParameter(
            f"{where} is not a model.pt of netsculpt, so its net cannot be run: choose paths or "
            "same",
            param_hint="--units",
        )
    inputs = samples.validation.inputs
    able = intervenable(net_from_model(loaded.model).eval(), example=inputs[:1])
    widths = [[layer.n_units for layer in x.layers] for x in (loaded.graph, able.graph)]
    columns = np.flatnonzero(able.unit_of >= 0)
    units = able.unit_of[columns]
    if widths[0] != widths[1] or np.unique(units).size < units.size:
        raise typer.BadParameter(
            f"units of {where} have more than one activation per sample, as channels have: choose "
            "paths or same",
            param_hint="--units",
        )
    values = np.zeros((len(inputs), loaded.graph.n_units))  # outputs send nothing on
    values[:, units] = able.activations(inputs).cpu().numpy()[:, columns]
    return values
