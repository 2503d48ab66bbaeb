"""Specs of the same net with another number of outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netsculpt.nets.families._spec import NetSpec
from netsculpt.nets.families.mlp import MLP

__all__ = ["with_outputs"]


def with_outputs(spec: NetSpec, n_outputs: int) -> NetSpec:
    """The spec of a net that differs in its last layer only.

    >>> with_outputs(MLP((64, 32, 10)), 2)
    MLP(widths=(64, 32, 2), activation='relu')
    """
    if isinstance(spec, MLP):
        return replace(spec, widths=(*spec.widths[:-1], n_outputs))
    other: Any = spec
    made: NetSpec = replace(other, n_outputs=n_outputs)
    return made
