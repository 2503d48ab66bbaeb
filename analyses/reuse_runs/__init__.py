"""Parts of the study of reuse: cells, nets by method, what is measured, tables."""
