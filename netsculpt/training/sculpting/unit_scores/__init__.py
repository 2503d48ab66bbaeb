"""Scores of hidden units: ``(replicas, task) -> [R, hidden units]``, higher stays."""
