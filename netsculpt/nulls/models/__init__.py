"""Null models: `(graph, *, rng) -> NetGraph`, same units, layers and blocks, other edges."""
