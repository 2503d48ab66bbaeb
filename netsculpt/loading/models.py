"""Nets of ours that are no chain of layers: built again as their file says, and traced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.checkpoint import Model, as_model, is_model
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.load_into import fill_net
from netsculpt.loading.weights.contents import Contents

if TYPE_CHECKING:
    from torch import nn

    from netsculpt.nets.families import NetSpec

__all__ = ["graph_of_model", "is_branched"]

_BRANCHED = ("lstm", "resnet")  # families
_MOST_INPUTS = 1 << 20  # which no number in the file vouches for


def is_branched(value: Any) -> bool:
    """Whether a file holds a ``model.pt`` of a family whose shapes alone do not say enough."""
    net = value.get("net") if is_model(value) else None
    return isinstance(net, dict) and net.get("family") in _BRANCHED


def graph_of_model(contents: Contents, *, allow_nonfinite: bool) -> NetGraph:
    """The graph of the net that a ``model.pt`` describes, with its weights and masks."""
    import torch

    from netsculpt.tracing import trace

    try:
        spec, net = _built(as_model(contents.value, contents.where))
    except FormatError as error:
        raise FormatError(f"{contents.where}: {error}") from None
    filled = fill_net(net, contents, allow_nonfinite=allow_nonfinite)
    graph = trace(net, torch.zeros(1, spec.n_inputs))
    topology = "the net that it describes"
    parameters = {**filled.parameters, "n_edges": graph.n_edges, "topology": topology}
    loaded = replace(filled, function="load", parameters=parameters)
    return replace(graph, provenance=(loaded, *graph.provenance))


def _built(model: Model) -> tuple[NetSpec, nn.Module]:
    """The net, unless its description alone would take up the machine."""
    from netsculpt.nets.families import net_from_spec
    from netsculpt.nets.masks import restored

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
    return spec, restored(model)


def _numbers(values: Any) -> list[int]:
    inner = [_numbers(x) if isinstance(x, list) else [x] for x in values]
    return [x for some in inner for x in some if isinstance(x, int)]
