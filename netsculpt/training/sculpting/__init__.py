"""Neural Sculpting: prune units, then edges, as long as the task stays solved."""
