"""Parts of the analysis of data parallelism and sparsity."""
