"""Null models: `(graph, *, rng) -> NetGraph`, same units, layers and blocks, other edges.

Each block keeps its number of edges and the multiset of its weights, stored zeros included;
multiplicity moves with the weights. Wiring (identity edges) is part of the architecture and stays.
Live units may die and dead ones come alive, as paths change. `rng` is a seed or a generator; the
seed is kept in the provenance.
"""
