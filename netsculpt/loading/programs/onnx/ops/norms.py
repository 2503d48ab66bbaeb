"""Norms in evaluation mode."""

from __future__ import annotations

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["OPS"]

_EPSILON = 1e-5


def _batch(node: OnnxNode) -> Value:
    training = node.opset < 14 and node.n_outputs > 1
    if training or node.attribute("training_mode", 0):
        raise node.refusal("it is in training mode: export the net after net.eval()")
    if not node.attribute("spatial", 1):
        raise node.refusal("it has statistics for each position")
    node.ignore("momentum")
    inputs = [node.input(index) for index in range(5)]
    epsilon = node.attribute("epsilon", _EPSILON)
    return node.emit("_native_batch_norm_legit_no_training", *inputs, 0.0, epsilon)


def _instance(node: OnnxNode) -> Value:
    value, scale, bias = node.input(0), node.input(1), node.input(2)
    epsilon = node.attribute("epsilon", _EPSILON)
    return node.emit("instance_norm", value, scale, bias, None, None, True, 0.0, epsilon, False)


def _group(node: OnnxNode) -> Value:
    value, scale, bias = node.input(0), node.input(1), node.input(2)
    groups = node.attribute("num_groups")
    node.ignore("stash_type")
    if node.opset < 21:  # where γ and β are per group
        each = value.shape[1] // groups
        scale = node.emit("repeat_interleave", scale, each)
        bias = node.emit("repeat_interleave", bias, each)
    epsilon = node.attribute("epsilon", _EPSILON)
    return node.emit("group_norm", value, groups, scale, bias, epsilon)


def _layer(node: OnnxNode) -> Value:
    value, scale, bias = node.input(0), node.input(1), node.optional(2)
    shape = _normed(node, value, scale)
    return node.emit("layer_norm", value, shape, scale, bias, node.attribute("epsilon", _EPSILON))


def _rms(node: OnnxNode) -> Value:
    value, scale = node.input(0), node.input(1)
    shape = _normed(node, value, scale)
    return node.emit("rms_norm", value, shape, scale, node.attribute("epsilon", _EPSILON))


def _normed(node: OnnxNode, value: Value, scale: Value) -> list[int]:
    node.ignore("stash_type")  # the precision of the statistics
    axis = node.axis(node.attribute("axis", -1), value.ndim)
    shape = list(value.shape[axis:])
    if list(scale.shape) != shape:
        raise node.refusal(f"its scale is {list(scale.shape)}, the normed axes are {shape}")
    return shape


OPS = {
    "BatchNormalization": _batch,
    "GroupNormalization": _group,
    "InstanceNormalization": _instance,
    "LayerNormalization": _layer,
    "RMSNormalization": _rms,
}
