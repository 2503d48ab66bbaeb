"""Similarities and distances of two activations along a dimension: a junction of all that meet."""

from __future__ import annotations

import numpy as np
import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.contraction import contract
from netsculpt.tracing.rules._parts.meeting import any_along

__all__ = ["distance"]

OPS = ("cdist", "cosine_similarity", "pairwise_distance")


def distance(call: Call) -> Activation:
    """A unit that all elements of both lines feed."""
    one, two = call.args[:2]
    if call.op.name == "cdist":
        if isinstance(one, Constant) or isinstance(two, Constant):  # see `rewriting`
            raise call.refusal(
                "its points are constant, but made of an activation, as by zeros_like. Make them a "
                "parameter or a buffer"
            )
        batch = "ABCDEFGH"[: len(one.shape) - 2]
        return contract(call, f"{batch}pm", f"{batch}rm", f"{batch}pr", one, two)
    dim = call.arg(2, "dim", 1) if call.op.name == "cosine_similarity" else -1
    shape = np.broadcast_shapes(one.shape, two.shape)
    lines = [x.broadcast(shape) for x in (one, two) if isinstance(x, Activation)]
    dim %= len(shape)
    both = Activation(torch.cat([x.units for x in lines], dim))
    met = any_along(call, both, [dim], positions=False)
    return met.changed(lambda x: x.reshape(call.op.shape))
