"""Channels sampled at other positions of a picture."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import single_row
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.meeting import any_along, meet

__all__ = ["sampling"]

OPS = ("affine_grid_generator", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d")


def sampling(call: Call) -> Activation:
    """The same channels; joined with the coordinates if they depend on the inputs."""
    if call.op.name == "affine_grid_generator":
        rows = any_along(call, call.activation(), [2], positions=False)  # [B, 2, 1]
        ones = [1] * (len(call.op.shape) - 2)
        return rows.changed(lambda x: x.view(len(x), *ones, -1)).broadcast(call.op.shape)
    if call.builder.options.granularity == "spatial":
        raise call.refusal(
            "which elements it samples depends on its grid, so it has a rule only with "
            "granularity='channel'"
        )
    shape = call.op.shape
    if not isinstance(call.args[0], Activation):
        channels = []
    else:
        activation = even(call, call.activation(), [1])
        row = single_row(call, activation, 1, "channels that are one unit each are needed")
        wide = row.changed(lambda x: x.view(1, -1, *[1] * (len(shape) - 2)).expand(shape))
        channels = [replace(wide, private=False)]
    grid = call.args[1]
    if isinstance(grid, Activation) and not grid.is_empty:
        every = any_along(call, grid, list(range(1, len(grid.shape))))
        channels.append(every.changed(lambda x: x.reshape(-1, *[1] * (len(shape) - 1))))
    return meet(call, channels)
