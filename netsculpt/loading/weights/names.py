"""Names from a file, which every unit bears and every table repeats: text of a sane length."""

from __future__ import annotations

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import quoted
from netsculpt.graph.graph import NetGraph

__all__ = ["soundly_named"]

_LONGEST = 1000  # characters


def soundly_named(graph: NetGraph, where: str) -> NetGraph:
    """The graph itself, unless tables of its units would burst or could not be written."""
    layers = [layer.name for layer in graph.layers]
    parameters = [block.parameter for block in graph.blocks if block.parameter is not None]
    for name in (*layers, *parameters):
        if len(name) > _LONGEST:
            raise LimitError(
                f"{where} names a layer {quoted(name)} in {len(name)} characters, {_LONGEST} are "
                "allowed: rename it"
            )
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise FormatError(
                f"{where} names a layer {quoted(name)}, which holds half a character (a lone "
                "surrogate) and is no text: rename it"
            )
    return graph
