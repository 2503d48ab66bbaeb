"""Scores of edges: ``(replicas, task) -> [R, weights]`` in layer order; pruned ones score 0."""
