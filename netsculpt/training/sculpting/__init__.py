"""Neural Sculpting: units, then edges, pruned as long as the task stays solved."""
