"""Estimates of what weights are worth: which can be made of a net, and those made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.callables import name_of
from netsculpt.core.catalog import named, names
from netsculpt.core.errors import FormatError, NetsculptError, first_line
from netsculpt.core.progress import Progress
from netsculpt.core.random import stream
from netsculpt.nets.copies import with_own_masks
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.importance.movement import movement
from netsculpt.training.importance.places import Places

__all__ = ["ESTIMATORS", "MOVEMENT", "Estimates", "Estimator", "chosen_estimators", "estimates"]

ESTIMATORS = names("scores")
MOVEMENT = "movement"  # made of two nets, so not one of the scores

Estimator = Callable[..., Mapping[str, Tensor]]  # (net, batches, *, rng)

_CANNOT = (NetsculptError, RuntimeError, TypeError, ValueError, IndexError, KeyError)


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates of each kept weight, and those of which none can be made for this net."""

    values: Mapping[str, NDArray[np.float64]]  # [W] by name
    left_out: Mapping[str, str]  # why, by name


def chosen_estimators(
    estimators: Sequence[str | Estimator] | None, *, has_start: bool
) -> dict[str, Estimator]:
    """The estimators by name; None: all scores. "movement" is not among them.

    Raises
    ------
    FormatError
        If a name is unknown, or there twice, or "movement" is asked for without a start.
    """
    if isinstance(estimators, str):
        raise FormatError(f"estimators are {estimators!r:.40}: give a list of names, as ['obd']")
    chosen = dict[str, Estimator]()
    for x in ESTIMATORS if estimators is None else estimators:
        name = x if isinstance(x, str) else name_of(x)
        if name == MOVEMENT and isinstance(x, str):
            if not has_start:
                raise FormatError(
                    f"the estimate {MOVEMENT!r} compares the net with an earlier one: give that as "
                    "its start"
                )
            continue
        if name in chosen:
            raise FormatError(f"the estimate {name!r} is there twice: name each once")
        chosen[name] = named("scores", x, also=[MOVEMENT]) if isinstance(x, str) else x
    return chosen


def estimates(
    methods: Mapping[str, Estimator],
    net: nn.Module,
    samples: Batches,
    places: Places,
    *,
    start: nn.Module | None,
    leave_out: bool,
    seed: int,
    report: Progress,
) -> Estimates:
    """Estimate all weights by each method.

    `net` is only measured. With `leave_out`, methods that cannot work on it are left out; without,
    the first one raises `FormatError`.
    """
    values, left_out = dict[str, NDArray[np.float64]](), dict[str, str]()
    for done, (name, method) in enumerate(methods.items(), start=1):
        try:
            scores = method(net, samples, rng=stream(seed, "estimator", name))
            values[name] = places.values(scores)
        except _CANNOT as error:
            reason = str(error) if isinstance(error, NetsculptError) else first_line(error)
            if not leave_out:
                raise FormatError(
                    f"no estimate {name!r} of this net ({reason}): leave it out"
                ) from error
            left_out[name] = reason
        report("estimators", done, len(methods))
    if start is not None:
        values[MOVEMENT] = places.values(movement(net, with_own_masks(start)))
    return Estimates(values, left_out)
