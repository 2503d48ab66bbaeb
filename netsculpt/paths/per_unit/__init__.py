"""One number for each unit: ``(graph) -> float64 [U]``."""
