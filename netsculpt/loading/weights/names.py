"""Names from a file, which every unit bears and every table repeats: text of a sane length."""

from __future__ import annotations

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.words import quoted
from netsculpt.graph.graph import NetGraph

__all__ = ["require_sound_names"]

_LONGEST = 1000  # characters


def require_sound_names(graph: NetGraph, where: str) -> None:
    """Refuse names that are too long for tables of units, or that cannot be written as text."""
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
