"""Graphs of weight agnostic networks, whose weights are all 1 unless some were given."""

from __future__ import annotations

from netsculpt.graph.graph import NetGraph

__all__ = ["note_on_weights"]


def note_on_weights(graph: NetGraph) -> str | None:
    """That the weights of a network are not its own, where a file has only a pattern."""
    given = [step.parameters for step in graph.provenance]
    is_pattern = any(x.get("format") == "wann" for x in given)
    if not is_pattern or any("weights_hash" in x for x in given):
        return None
    return (
        "All weights are 1: the file of a weight agnostic network says which edges there are; the "
        "values in it are those of the tool that wrote it last."
    )
