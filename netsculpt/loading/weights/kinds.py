"""What a tensor is, where its number of axes and its type do not say."""

from __future__ import annotations

from netsculpt.loading.weights.words import leaf, modules, says, words

__all__ = ["is_kernel", "is_statistic"]

_CONVOLUTION = frozenset(
    {
        *("conv", "convs", "conv1d", "conv3d", "convolution", "cnn", "tcn", "deconv", "deconvs"),
        *("convt", "convtranspose", "tconv", "upconv", "transposed", "transpose", "kernel"),
    }
)
_CONNECTIONS = frozenset(
    {
        *("index", "indices", "idx", "inds", "row", "rows", "col", "cols", "columns", "edge"),
        *("edges", "adj", "adjacency", "connection", "connections", "connectivity", "perm"),
        *("permutation", "src", "dst", "source", "target", "topology", "routing"),
    }
)
_WEIGHTS = frozenset({"weight", "weights", "kernel", "w", "qweight", "packed"})


def is_kernel(name: str) -> bool:
    """Whether a weight of 3 or 5 axes is a kernel: by its name, or in a plain list of layers.

    >>> is_kernel("conv1.weight"), is_kernel("0.weight"), is_kernel("bilinear.weight")
    (True, True, False)
    """
    if leaf(name) != "weight":
        return False
    inner = modules(name)[-1:]
    return says(name, _CONVOLUTION) == 0 or (bool(inner) and inner[0].isdecimal())


def is_statistic(name: str) -> bool:
    """Whether whole numbers of this name count or number something and do not connect units.

    >>> is_statistic("histogram.counts"), is_statistic("fc.indices"), is_statistic("fc.weight")
    (True, False, False)
    """
    return not (_CONNECTIONS | _WEIGHTS).intersection(words(leaf(name)))
