"""Nets, state dicts and matrices in memory, as `netsculpt.load` takes them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from scipy import sparse

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.core.provenance import step
from netsculpt.files.arrays import is_tensor
from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.loading.weights.parsed_file import ParsedFile

if TYPE_CHECKING:
    from torch import nn

__all__ = ["graph_of_matrices", "graph_of_net", "is_net", "is_path", "parsed_object"]

PathLike = str | os.PathLike[str]

_TRACING = "netsculpt.trace(net, example) makes its graph, with an example of its inputs"


def is_path(model: object) -> TypeGuard[PathLike]:
    """Whether this names a file.

    >>> is_path("model.pt"), is_path({"fc.weight": [1.0]})
    (True, False)
    """
    return isinstance(model, str | os.PathLike)


def is_net(model: object) -> TypeGuard[nn.Module]:
    """Whether this is a live net (torch itself is not imported)."""
    return hasattr(model, "named_modules") and hasattr(model, "state_dict")


def parsed_object(value: object, what: str, max_bytes: int) -> ParsedFile:
    """A state dict, or masks, in memory, as if it had been read from a file of that name.

    The keys are taken to be in the order of the layers, as in every state dict of torch, unless
    they are in alphabetical order, as safetensors sorts them.

    Raises
    ------
    FormatError
        If it is of another type, or has sparse matrices of SciPy in it.
    """
    if not isinstance(value, Mapping | list | tuple) and not is_tensor(value):
        raise FormatError(
            f"{what}: a {type(value).__name__} is given, a path, a dict or a list of arrays needed"
        )
    content = _on_cpu(value)
    states = list(_states(content))
    source = Source(Path(what), b"", 0, max_bytes)
    is_torch = any(hasattr(x, "detach") for state in states for x in state.values())
    ordered = all(len(x) < 2 or list(x) != sorted(x, key=str) for x in states)
    return ParsedFile(
        source,
        "torch" if is_torch else "arrays",
        Content(content, "", ordered=ordered),
    )


def graph_of_matrices(matrices: Any, masks: Any) -> NetGraph:
    """The graph of one matrix [out, in], or of one per layer; `masks` alike."""
    given = [x for x in (matrices, masks) if isinstance(x, list | tuple)]
    if not (given or hasattr(matrices, "shape")):
        raise FormatError(
            f"a {type(matrices).__name__} is given: a path, a net, a state dict, or one matrix "
            "[out, in] per layer is needed"
        )
    if any(is_path(x) for one in given for x in one) or is_path(masks):
        raise FormatError(
            "paths are given among matrices: load one file at a time, netsculpt.load(path, "
            "mask=path), or pass arrays only"
        )
    return from_matrices(_listed(matrices), None if masks is None else _listed(masks))


def graph_of_net(net: nn.Module) -> NetGraph:
    """The graph of a live net whose layers say what one sample looks like.

    That is a net whose only weights are those of linear layers and norms: it is traced on zeros,
    as many as its first linear layer takes.

    Raises
    ------
    TopologyError
        If it has other layers, or does not run on such a sample.
    """
    import torch

    from netsculpt.tracing import trace

    n_inputs = _n_inputs(net)
    first = next(net.parameters())
    example = torch.zeros(1, n_inputs, dtype=first.dtype, device=first.device)
    try:
        graph = trace(net, example)
    except TopologyError as error:
        raise TopologyError(
            f"{error} (traced on {n_inputs} zeros, which its first linear layer takes: if its "
            f"samples are others, {_TRACING})"
        ) from error
    loaded = step("load", net=type(net).__name__, example=[1, n_inputs])
    return replace(graph, provenance=(loaded, *graph.provenance))


def _n_inputs(net: nn.Module) -> int:
    """Numbers in one sample, from the first linear layer."""
    from torch import nn

    norms = nn.BatchNorm1d, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm
    first: nn.Linear | None = None
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Linear):
            first = first or layer
        elif not isinstance(layer, norms) and ".parametrizations." not in f".{name}.":
            own = [parameter for parameter, _ in layer.named_parameters(recurse=False)]
            if own:
                raise TopologyError(
                    f"layer {name or type(net).__name__!r} of the net is a {type(layer).__name__} "
                    f"with {', '.join(own)}, so its weights alone do not say what a sample looks "
                    f"like: {_TRACING}"
                )
    if first is None:
        raise TopologyError(f"the net {type(net).__name__} has no linear layer: {_TRACING}")
    return first.in_features


def _listed(matrices: Any) -> list[Any]:
    is_one = sparse.issparse(matrices) or getattr(matrices, "ndim", 3) == 2
    return [matrices] if is_one else list(matrices)


def _states(value: Any) -> Iterator[dict[Any, Any]]:
    """The dicts of tensors in a value."""
    if isinstance(value, dict):
        if any(map(is_tensor, value.values())):
            yield value
        for inner in value.values():
            yield from _states(inner)


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _on_cpu(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_on_cpu(x) for x in value]
    if sparse.issparse(value):
        raise FormatError(
            "a sparse matrix of SciPy is given under a name: netsculpt.from_matrices([W1, W2, …], "
            "parameters=[…]) makes the graph of matrices"
        )
    return value.detach().cpu() if hasattr(value, "detach") else value
