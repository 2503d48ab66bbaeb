"""Matrix products."""

from __future__ import annotations

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode, plain

__all__ = ["OPS"]


def _gemm(node: OnnxNode) -> Value:
    """α A′ B′ + β C."""
    a, b, c = node.input(0), node.input(1), node.optional(2)
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    if a.ndim != 2 or b.ndim != 2:
        raise node.refusal(f"it takes {list(a.shape)} and {list(b.shape)}, matrices are needed")
    if node.attribute("transA", 0):
        a = node.emit("permute", a, [1, 0])
    transposed = bool(node.attribute("transB", 0))
    if transposed and alpha == beta == 1 and c is not None and c.shape == b.shape[:1]:
        return node.emit("linear", a, b, c)
    product = node.emit("linear" if transposed else "matmul", a, b)
    product = product if alpha == 1 else node.emit("mul", product, alpha)
    if c is None:
        return product
    return node.emit("add", product, c if beta == 1 else node.emit("mul", c, beta))


OPS = {"Gemm": _gemm, "MatMul": plain("matmul", 2)}
