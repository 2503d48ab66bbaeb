"""Scores of hidden units: ``(replicas, task) -> [R, hidden units]``, the highest are kept."""
