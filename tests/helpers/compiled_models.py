"""Circuits as files of nets whose functions are known."""

from __future__ import annotations

from pathlib import Path

import torch

from netsculpt.files.model import write_model
from netsculpt.graph.circuits import ThresholdCircuit
from netsculpt.nets import MLP

STEEP = 100.0  # a sigmoid of this slope is a step: sums are ½ away from 0


def write_compiled(net: ThresholdCircuit, path: Path) -> Path:
    """A compiled circuit as the model.pt of a multi-layer perceptron."""
    state, masks = {}, {}
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        state[f"fc{i}.weight"] = torch.from_numpy(STEEP * weight).float()
        state[f"fc{i}.bias"] = torch.from_numpy(STEEP * bias).float()
        masks[f"fc{i}.weight"] = torch.from_numpy(weight != 0)
    widths = (net.weights[0].shape[1], *map(len, net.weights))
    write_model(path, net=MLP(widths, "sigmoid").spec, state=state, masks=masks)
    return path
