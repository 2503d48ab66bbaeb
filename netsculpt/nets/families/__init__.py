"""Nets made from frozen specs: one file per family.

All take samples as tasks hold them, [n, n_inputs]; nets for images and sequences first reshape
each sample.

>>> net_from_spec({"family": "mlp", "widths": [4, 8, 2]})
MLP(widths=(4, 8, 2), activation='relu')
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.nets.families._layers import ACTIVATIONS
from netsculpt.nets.families._spec import NetSpec, built, initial_net, spec_from_dict
from netsculpt.nets.families.cnn import CNN
from netsculpt.nets.families.lstm import LSTM
from netsculpt.nets.families.mlp import MLP, Gate
from netsculpt.nets.families.resized import with_outputs
from netsculpt.nets.families.resnet import ResNet
from netsculpt.nets.families.sparse_gpt import SparseGPT
from netsculpt.nets.families.vgg import VGG

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "FAMILIES",
    "LSTM",
    "MLP",
    "VGG",
    "Gate",
    "NetSpec",
    "ResNet",
    "SparseGPT",
    "built",
    "initial_net",
    "net_from_spec",
    "with_outputs",
]
__dir__ = __all__.copy

FAMILIES: Mapping[str, type[NetSpec]] = MappingProxyType(
    {spec.family: spec for spec in (CNN, LSTM, MLP, ResNet, SparseGPT, VGG)}
)


def net_from_spec(spec: Mapping[str, Any]) -> NetSpec:
    """Frozen spec from the dict that ``model.pt`` stores under "net".

    Parameters
    ----------
    spec
        "family" and the fields of that family; lists are read as tuples.

    Raises
    ------
    FormatError
        If there is no such family, or fields are missing, wrong or unknown.

    Examples
    --------
    >>> net = VGG((3, 8, 8), ((8, 8), (16,)), 10)
    >>> net_from_spec(net.spec) == net
    True
    """
    family = spec.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        raise FormatError(
            f"no family {family!r:.40} of nets, there are {', '.join(FAMILIES)}: name one of them "
            "under 'family', or build the net yourself"
        )
    net: NetSpec = spec_from_dict(FAMILIES[family], spec)
    return net
