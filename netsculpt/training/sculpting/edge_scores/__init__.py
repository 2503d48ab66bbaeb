"""Scores of edges: ``(replicas, task) -> [R, weights]`` in layer order; pruned weights score 0."""
