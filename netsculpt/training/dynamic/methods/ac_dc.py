"""Dense and sparse phases in turn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.training.dynamic import budgets, drops, states
from netsculpt.training.dynamic.resizing import Globally
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier

__all__ = ["ac_dc", "alternating"]


def ac_dc(
    net: nn.Module,
    *,
    density: float,
    phases: Sequence[int],
    reset_momentum: bool = True,
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """AC/DC: compressed and decompressed training in turn, ending compressed.

    A compression keeps the largest weights of all layers together: exactly round(density ×
    weights) of them, where the published code keeps one less, or none among equals. A decompression
    lets all weights learn again, from 0.

    Peste et al., "AC/DC: Alternating compressed/decompressed training", arXiv:2106.12379,
    algorithm 1.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights that is kept in sparse phases.
    phases
        Optimizer steps after which the net is compressed, decompressed, compressed, …; an odd
        number of them, so that it ends sparse.
    reset_momentum
        Whether the optimizer forgets all of its moments when a dense phase begins, as in the
        published scripts.
    dense, rng
        As `Sparsifier` has them.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> sparsifier = ac_dc(MLP((64, 32, 10)).build(), density=0.1, phases=(100, 200, 300))
    >>> sparsifier.density, sparsifier.at_final_density
    (1.0, False)
    """
    return alternating(net, density, phases, reset_momentum, dense, rng)


def alternating(
    net: nn.Module,
    density: float,
    phases: Sequence[int],
    reset_momentum: bool,
    dense: Collection[str],
    rng: RNG,
    *,
    twin: bool = False,
) -> Sparsifier:
    """Dense and sparse phases in turn; the dense `twin` leaves the last compression out."""
    steps = _checked(phases)
    whole = Timing(begin=0, end=steps[-1], every=1, at=steps)
    edges = tuple(whole.descent(step) for step in steps)
    rewiring = Rewiring(
        budget=partial(budgets.alternating, edges=edges, density=density),
        resize=Globally(drops.magnitude),
        state=states.everything if reset_momentum else states.keep,
    )
    timing, method, stem = whole, "ac_dc", None
    if twin:
        timing, method, stem = replace(whole, at=steps[:-1]), "dense_twin", ("ac_dc", whole)
    return Sparsifier(
        net,
        rewiring,
        timing,
        density=1.0,
        dense=dense,
        rng=rng,
        method=method,
        stem=stem,
    )


def _checked(phases: Sequence[int]) -> tuple[int, ...]:
    steps = tuple(phases)
    if not steps or len(steps) % 2 == 0 or list(steps) != sorted(set(steps)) or steps[0] < 1:
        raise FormatError(
            f"phases are {steps!r:.80}: an odd number of rising steps is needed, the first one a "
            "compression: (100, 200, 300)"
        )
    return steps
