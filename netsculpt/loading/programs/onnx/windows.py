"""Windows that slide over positions: where convolutions and pooling agree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value

__all__ = ["Windows", "windows"]


@dataclass(frozen=True)
class Windows:
    """Sizes along each axis of positions."""

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
        """How many positions a window spans."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]

    def padded(self, node: Node, given: Value, fill: float) -> Value:
        """A value with padding as an operation of its own."""
        pairs = list(zip(self.before, self.after, strict=True))
        return node.emit("constant_pad_nd", given, list(chain(*reversed(pairs))), fill)


def windows(node: Node, given: Value, kernel: list[int]) -> Windows:
    """The windows of a node, its padding worked out where it is to be "same"."""
    n = given.ndim - 2
    if n not in (1, 2, 3) or len(kernel) != n:
        raise node.refusal(f"it takes {list(given.shape)} with windows {kernel}")
    ones = [1] * n
    stride = node.sizes("strides", ones, least=1)
    dilation = node.sizes("dilations", ones, least=1)
    pads = node.sizes("pads", [0] * 2 * n)
    if (len(stride), len(dilation), len(pads)) != (n, n, 2 * n):
        raise node.refusal("its strides, dilations and pads are not as many as its axes")
    found = Windows(kernel, stride, dilation, pads[:n], pads[n:])
    mode = node.attribute("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return found
    if any(pads) or mode not in ("VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.refusal(f"it is padded by {pads} and by the rule {mode!r}")
    total = [0] * n if mode == "VALID" else [
        max((-(-size // step) - 1) * step + span - size, 0)
        for size, step, span in zip(given.shape[2:], stride, found.reach, strict=True)
    ]  # fmt: skip
    less, more = [x // 2 for x in total], [x - x // 2 for x in total]
    before, after = (less, more) if mode == "SAME_UPPER" else (more, less)
    return Windows(kernel, stride, dilation, before, after)
