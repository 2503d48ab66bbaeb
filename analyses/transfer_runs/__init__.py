"""Parts of the study of transfer: cells, sources, transfers, published runs, tables."""
