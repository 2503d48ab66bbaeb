"""The published networks, and what their inputs and outputs are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import netsculpt
from netsculpt.core.errors import FormatError
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.wann import WannOptions

NETWORKS: Final = ("swing", "sample_best", "biped", "racer")
OF_SWING_UP: Final = ("swing", "sample_best")
TUNED: Final = {"swing": ("cartpole_swingup.wann.json", -1.5)}  # file of weights, bias of weights
JOINTS: Final = ("hip 1", "knee 1", "hip 2", "knee 2")  # outputs of biped


def network_file(folder: str, name: str) -> Path:
    """The .out file of a published network."""
    path = Path(folder) / f"{name}.out"
    if not path.is_file():
        raise FormatError(f"{folder} has no {path.name}: give the folder of the published networks")
    return path


def network(folder: str, name: str, *, tuned: bool = False) -> NetGraph:
    """The graph of a published network, its weights 1, or those that its authors tuned."""
    if not tuned:
        return netsculpt.load(network_file(folder, name))
    weights, bias = TUNED[name]
    options = WannOptions(weights=Path(folder) / weights, weight_bias=bias)
    return netsculpt.load(network_file(folder, name), wann=options)
