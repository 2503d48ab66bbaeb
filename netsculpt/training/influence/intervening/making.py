"""From a net in any form to one whose units can be given other values."""

from __future__ import annotations

from typing import Any

from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.graph.circuits import ThresholdCircuit
from netsculpt.graph.graph import NetGraph
from netsculpt.training.influence.intervening.intervenable import Intervenable
from netsculpt.training.influence.intervening.layered import of_circuit, of_replicas
from netsculpt.training.influence.intervening.traced import TracedNet
from netsculpt.training.sculpting.replicas import Replicas

__all__ = ["AnyNet", "intervenable"]

AnyNet = Intervenable | Replicas | ThresholdCircuit | nn.Module  # what `intervenable` takes


def intervenable(
    net: AnyNet,
    *,
    graph: NetGraph | None = None,
    example: Any = None,
) -> Intervenable:
    """A net whose units can be given other values, by their numbers in its graph.

    Parameters
    ----------
    net
        Any net that `netsculpt.trace` follows, a stack with one multi-layer perceptron, or a
        compiled circuit; the last two are computed in float64, many runs in a batch.
    graph
        The graph whose units are meant: a trace of the net, or the graph of a stack's masks or of a
        circuit's weights; or its ``live()``. None: the trace with default options, or that graph.
    example
        For a net of torch: an input as for `netsculpt.trace`, of which the first sample is used.

    Raises
    ------
    FormatError
        If it is none of these, a stack of several nets, or an example is missing.
    GraphError
        If the graph is not that of the net.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> able = intervenable(net, example=torch.zeros(1, 2))
    >>> able.graph, able.hidden.tolist()
    (NetGraph(2-3-1: 6 units, 9 edges), [False, False, True, True, True, False])
    """
    if isinstance(net, Intervenable):
        return net
    if isinstance(net, Replicas):
        if net.n_replicas != 1:
            raise FormatError(
                f"the stack has {net.n_replicas} nets, units are replaced in one: take it out by "
                "replicas.take(torch.tensor([row]))"
            )
        return of_replicas(net, graph=graph)
    if isinstance(net, ThresholdCircuit):
        return of_circuit(net, graph=graph)
    if not isinstance(net, nn.Module):
        raise FormatError(
            f"the net is a {type(net).__name__}: a torch.nn.Module, a stack with one net, or a "
            "compiled circuit is needed"
        )
    if example is None:
        raise FormatError("a net of torch needs an example of its inputs: give example=inputs[:1]")
    return TracedNet.of(net, example, graph)
