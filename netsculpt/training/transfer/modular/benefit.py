"""What a frozen module saves against each control, over seeds."""

from __future__ import annotations

from collections.abc import Sequence

from netsculpt.compare.reuse import ReuseBenefit, reuse_benefit
from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.training.transfer.modular.conditions import CONDITIONS
from netsculpt.training.transfer.modular.transfer import ModularTransfer

__all__ = ["modular_benefit"]


def modular_benefit(
    found: Sequence[ModularTransfer],
    *,
    goal: float,
    condition: str = "frozen",
    n_draws: int = 2000,
    rng: RNG = None,
) -> ReuseBenefit:
    """Steps to the goal in every other condition, relative to one, pair by pair over seeds.

    Parameters
    ----------
    found
        Transfers of several seeds, alike in all else.
    goal
        The accuracy to reach.
    condition
        What the others are compared with: "frozen", or "free".
    n_draws, rng
        As in `netsculpt.compare.reuse.reuse_benefit`, which says what becomes of runs that do not
        reach the goal.
    """
    if not found:
        raise FormatError("no transfer is given: at least one is needed")
    curves = {name: [each.curve(name) for each in found] for name in CONDITIONS}
    if condition not in curves:
        raise FormatError(f"condition is {condition!r:.80}: one of {CONDITIONS} is needed")
    own = curves.pop(condition)
    return reuse_benefit(own, curves, goal=goal, n_draws=n_draws, rng=rng)
