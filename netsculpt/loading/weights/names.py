"""Checks of layer names from a file, which every table of units repeats."""

from __future__ import annotations

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import quoted
from netsculpt.graph.graph import NetGraph

__all__ = ["require_sound_names"]

_LONGEST = 1000  # characters


def require_sound_names(graph: NetGraph, where: str) -> None:
    """Raise an error if a name is too long, or is not text that can be written."""
    layers = [layer.name for layer in graph.layers]
    parameters = [block.parameter for block in graph.blocks if block.parameter is not None]
    for name in (*layers, *parameters):
        if len(name) > _LONGEST:
            raise LimitError(
                f"{where} has a layer name of {len(name)} characters, {quoted(name)}, {_LONGEST} "
                "are allowed: rename it"
            )
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise FormatError(
                f"{where} has a layer name {quoted(name)}, which contains half a character (a "
                "lone surrogate) and is not text: rename it"
            )
