"""Nets of ours that are no chain of layers: built again as their file says, and traced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.checkpoint import Model, as_model, is_model
from netsculpt.files.source import Source
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.load_into import load_into

if TYPE_CHECKING:
    from torch import nn

    from netsculpt.nets.families import NetSpec

__all__ = ["graph_of_rebuilt", "is_branched"]

_BRANCHED = ("lstm", "resnet")  # families
_MOST_INPUTS = 1 << 20  # which no number in the file vouches for


def is_branched(value: Any) -> bool:
    """Whether a file holds a ``model.pt`` of a family whose shapes alone do not say enough."""
    net = value.get("net") if is_model(value) else None
    return isinstance(net, dict) and net.get("family") in _BRANCHED


def graph_of_rebuilt(
    value: Any, source: Source, beside: Source | None, *, allow_nonfinite: bool
) -> NetGraph:
    """The graph of the net that a ``model.pt`` describes, with the weights and masks it holds."""
    import torch

    from netsculpt.tracing import trace

    try:
        spec, net = _built(as_model(value, source.where))
    except FormatError as error:
        raise FormatError(f"{source.where}: {error}") from None
    filled = load_into(
        net,
        source.path,
        mask=None if beside is None else beside.path,
        max_bytes=source.max_bytes,
        allow_nonfinite=allow_nonfinite,
    )
    graph = trace(net, torch.zeros(1, spec.n_inputs))
    told = {**filled.parameters, "n_edges": graph.n_edges, "topology": "the net that it describes"}
    loaded = replace(filled, function="load", parameters=told)
    return replace(graph, provenance=(loaded, *graph.provenance))


def _built(model: Model) -> tuple[NetSpec, nn.Module]:
    """The net, unless its description alone would take up the machine."""
    from netsculpt.nets.families import net_from_spec
    from netsculpt.nets.masks import net_from_model

    spec = net_from_spec(model.net)
    n_layers = max(getattr(spec, "depth", 1), getattr(spec, "layers", 1))
    n_held = sum(x.numel() for x in model.state.values())
    numbers = [x for x in _numbers(list(model.net.values())) if x > max(n_held, _MOST_INPUTS)]
    if n_layers > len(model.state) or numbers:
        raise FormatError(
            f"the state is of another net than its spec {dict(model.net)!r:.200}: write the model "
            "again, with the spec that the net was built from"
        )
    if spec.n_inputs > _MOST_INPUTS:
        raise LimitError(
            f"the net takes {spec.n_inputs} numbers a sample, more than {_MOST_INPUTS}: build it "
            "and give it to netsculpt.trace"
        )
    return spec, net_from_model(model)


def _numbers(values: Any) -> list[int]:
    inner = [_numbers(x) if isinstance(x, list) else [x] for x in values]
    return [x for some in inner for x in some if isinstance(x, int)]
