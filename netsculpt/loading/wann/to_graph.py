"""The graph of a weight agnostic network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.graph.by_depth import by_depth
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.wann.matrix import WannMatrix
from netsculpt.loading.wann.options import WannOptions
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["check_wann", "graph_of_wann", "refuse_weights_alone"]

_LINEAR = WANN_ACTIVATIONS[0]  # of all inputs and outputs that a search makes
_SHARED = "1 on every edge; those in the file are of the tool that wrote it last"


def check_wann(file: ParsedFile, options: WannOptions | None) -> None:
    """Raise an error if options are for another format, or a file does not go with the others."""
    refuse_weights_alone(file)
    if file.content.kind != "wann" and options is not None:
        raise FormatError(
            f"{file.where} is not a weight agnostic network (a table of numbers, one row per unit) "
            f"but {file.format}: leave out the options for such networks (wann, --wann-…)"
        )
    if file.content.kind == "wann" and file.mask is not None:
        raise FormatError(
            f"{file.where} is a weight agnostic network, whose edges are already fixed: leave out "
            "the mask file"
        )


def refuse_weights_alone(file: ParsedFile) -> None:
    """Raise an error if the file holds weights that say nothing of what they connect."""
    if file.content.kind == "wann weights":
        raise TopologyError(
            f"{file.where} holds {file.value.size} weights of a weight agnostic network, but not "
            "which units they connect: name the network's own file, with these weights as an "
            f"option, such as netsculpt analyze NAME.out --wann-weights {file.source.path.name} "
            "--wann-weight-bias=-1.5 (wann=WannOptions(weights=…))"
        )


def graph_of_wann(file: ParsedFile, options: WannOptions | None) -> NetGraph:
    """The graph of a file with the pattern of a weight agnostic network."""
    options = options or WannOptions()
    matrix: WannMatrix = file.value
    n_inputs = _n_inputs(matrix, options, file.where)
    n_outputs = _n_outputs(matrix, options, n_inputs, file.where)
    kept = matrix.enabled
    graph = by_depth(
        matrix.sources[kept],
        matrix.targets[kept],
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        activation=matrix.activation,
        weights=_weights(file, options),
    )
    more: dict[str, Any] = {"disabled": int((~kept).sum()), "weights": _SHARED}
    if file.weights is not None:
        more["weights"] = file.weights.source.path.name
        more["weights_hash"] = file.weights.content.sha256
        more["weight_bias"] = options.weight_bias
    loaded = file.step("load", {"": "stored"}, n_edges=graph.n_edges, **more)
    return replace(graph, provenance=(loaded, *graph.provenance))


def _weights(file: ParsedFile, options: WannOptions) -> NDArray[np.float64] | None:
    if file.weights is None:
        return None
    if file.weights.content.kind != "wann weights":
        raise FormatError(
            f"{file.weights.where} is {file.weights.format}: the individual weights of a weight "
            "agnostic network are needed, [[weight, …], score, …] in JSON"
        )
    weights: NDArray[np.float64] = file.weights.value
    n_edges = int(file.value.enabled.sum())
    if weights.size != n_edges:
        raise FormatError(
            f"{file.weights.where} holds {weights.size} weights, {file.where} has {n_edges} edges: "
            "one weight per edge is needed, in the order of its rows; name the file of this network"
        )
    return weights + options.weight_bias


def _n_inputs(matrix: WannMatrix, options: WannOptions, where: str) -> int:
    """Bias and inputs: the units before the first that any connection leads to."""
    first = int(matrix.targets.min(initial=matrix.n_units))
    odd = [unit for unit in range(first) if matrix.activation[unit] != _LINEAR]
    is_open = first == matrix.n_units or bool(odd)
    if options.n_inputs is not None:
        if options.n_inputs + 1 > first:
            raise FormatError(
                f"{where} has a connection that leads to unit {first}, so at most {first - 1} "
                f"inputs after the bias; {options.n_inputs} are asked for"
            )
        if not is_open and options.n_inputs + 1 < first:
            raise FormatError(_not_open(where, "inputs", first - 1, options.n_inputs))
        return options.n_inputs + 1
    if is_open:
        why = "has no connections" if first == matrix.n_units else _odd(matrix, odd[0], "fed by")
        raise TopologyError(
            f"{where} {why}, so its inputs may be any of the first {first} units: say how many "
            "follow the bias with --wann-inputs (wann=WannOptions(n_inputs=…))"
        )
    return first


def _n_outputs(matrix: WannMatrix, options: WannOptions, n_inputs: int, where: str) -> int:
    """Outputs: the units after the last that any connection leaves."""
    last = max(int(matrix.sources.max(initial=-1)), n_inputs - 1)
    most = matrix.n_units - 1 - last
    ends = range(last + 1, matrix.n_units)
    odd = [unit for unit in ends if matrix.activation[unit] != matrix.activation[last + 1]]
    if options.n_outputs is not None:
        if options.n_outputs > most:
            raise FormatError(
                f"{where} has a connection that leaves unit {last}, or an input there, so at most "
                f"{most} outputs; {options.n_outputs} are asked for"
            )
        if not odd and options.n_outputs < most:
            raise FormatError(_not_open(where, "outputs", most, options.n_outputs))
        return options.n_outputs
    if odd:  # outputs keep the activation that all had at first
        raise TopologyError(
            f"{where} {_odd(matrix, odd[-1], 'feeding')}, which may be an output or a hidden unit "
            f"that feeds nothing, as any of the last {most}: say how many outputs there are with "
            "--wann-outputs (wann=WannOptions(n_outputs=…))"
        )
    return most


def _not_open(where: str, ends: str, n: int, asked: int) -> str:
    return (
        f"{where} shows that there are {n} {ends}, and {asked} are asked for: leave --wann-{ends} "
        f"out (wann=WannOptions(n_{ends}=…)), which is for files that leave it open"
    )


def _odd(matrix: WannMatrix, unit: int, how: str) -> str:
    return f"has unit {unit}, {matrix.activation[unit]}, {how} no other"
