"""Nets that a ``model.pt`` describes: rebuilt from their description and traced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.model import Model, as_model, is_model
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.load_into import fill_net
from netsculpt.loading.weights.parsed_file import ParsedFile
from netsculpt.nets.gpt.shape import GPTShape

if TYPE_CHECKING:
    from torch import Tensor, nn

    from netsculpt.nets.families import NetSpec

__all__ = ["graph_of_model", "is_traced"]

_TRACED = ("cnn", "lstm", "resnet", "sparse_gpt", "vgg")  # families; an MLP is a chain by itself
_MOST_INPUTS = 1 << 20  # a bound that does not rely on the file


def is_traced(value: Any) -> bool:
    """Whether the content is a ``model.pt`` whose net is rebuilt and traced, not chained."""
    net = value.get("net") if is_model(value) else None
    return isinstance(net, dict) and net.get("family") in _TRACED


def graph_of_model(file: ParsedFile, *, allow_nonfinite: bool) -> NetGraph:
    """The graph of the net that a ``model.pt`` describes, with its weights and masks."""
    from netsculpt.tracing import trace

    model = as_model(file.value, file.where)
    try:
        spec, net = _built(model)
    except FormatError as error:
        raise FormatError(f"{file.where}: {error}") from None
    filled = fill_net(net, file, allow_nonfinite=allow_nonfinite)
    graph = trace(net, _example(spec))
    topology = "the net that it describes"
    parameters = {**filled.parameters, "n_edges": graph.n_edges, "topology": topology}
    loaded = replace(filled, function="load", parameters=parameters)
    return replace(graph, provenance=(loaded, *graph.provenance))


def _example(spec: NetSpec) -> Tensor:
    """One sample. Channels of a transformer are the same for all lengths: two tokens are enough."""
    import torch

    if isinstance(spec, GPTShape):
        return torch.zeros(1, min(spec.positions, 2), dtype=torch.int64)
    return torch.zeros(1, spec.n_inputs)


def _built(model: Model) -> tuple[NetSpec, nn.Module]:
    """Build the net, unless its description alone would exhaust memory."""
    from netsculpt.nets.families import net_from_spec
    from netsculpt.nets.masks import net_from_model

    spec = net_from_spec(model.net)
    n_layers = max(getattr(spec, "depth", 1), getattr(spec, "layers", 1))
    n_stored = sum(x.numel() for x in model.state.values())
    numbers = [x for x in _numbers(list(model.net.values())) if x > max(n_stored, _MOST_INPUTS)]
    if n_layers > len(model.state) or numbers:
        raise FormatError(
            f"the state does not belong to the spec {dict(model.net)!r:.200}: write the model "
            "again, with the spec that the net was built from"
        )
    if spec.n_inputs > _MOST_INPUTS:
        raise LimitError(
            f"the net takes {spec.n_inputs} numbers per sample, more than {_MOST_INPUTS}: build it "
            "and pass it to netsculpt.trace"
        )
    return spec, net_from_model(model)


def _numbers(values: Any) -> list[int]:
    inner = [_numbers(x) if isinstance(x, list) else [x] for x in values]
    return [x for numbers in inner for x in numbers if isinstance(x, int)]
