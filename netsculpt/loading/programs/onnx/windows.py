"""Windows that slide over positions, for convolutions and pooling."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["Windows", "windows"]


@dataclass(frozen=True)
class Windows:
    """Sizes of windows along each axis of positions."""

    kernel: list[int]
    stride: list[int]
    dilation: list[int]
    before: list[int]  # padding
    after: list[int]

    @property
    def symmetric(self) -> bool:
        """Whether padding is the same on both sides."""
        return self.before == self.after

    @property
    def reach(self) -> list[int]:
        """The number of positions that a window spans."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]

    def padded(self, node: OnnxNode, value: Value, fill: float) -> tuple[Value, list[int]]:
        """The value, padded by its own operation if padding is asymmetric; what is left to pad."""
        if self.symmetric:
            return value, self.before
        pairs = list(zip(self.before, self.after, strict=True))
        pads = list(chain(*reversed(pairs)))
        return node.emit("constant_pad_nd", value, pads, fill), [0] * len(pairs)


def windows(node: OnnxNode, value: Value, kernel: list[int]) -> Windows:
    """The windows of a node, with "same" padding as numbers."""
    n = value.ndim - 2
    if n not in (1, 2, 3) or len(kernel) != n:
        raise node.refusal(f"it takes {list(value.shape)} with windows {kernel}")
    ones = [1] * n
    stride = node.sizes("strides", ones, least=1)
    dilation = node.sizes("dilations", ones, least=1)
    pads = node.sizes("pads", [0] * 2 * n)
    if (len(stride), len(dilation), len(pads)) != (n, n, 2 * n):
        raise node.refusal("the numbers of its strides, dilations and pads do not fit its axes")
    stated = Windows(kernel, stride, dilation, pads[:n], pads[n:])
    mode = node.attribute("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return stated
    if any(pads) or mode not in ("VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.refusal(f"it is padded by {pads} and by the rule {mode!r}")
    total = [0] * n if mode == "VALID" else [
        max((-(-size // step) - 1) * step + span - size, 0)
        for size, step, span in zip(value.shape[2:], stride, stated.reach, strict=True)
    ]  # fmt: skip
    less, more = [x // 2 for x in total], [x - x // 2 for x in total]
    before, after = (less, more) if mode == "SAME_UPPER" else (more, less)
    return Windows(kernel, stride, dilation, before, after)
