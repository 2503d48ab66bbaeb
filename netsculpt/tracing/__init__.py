"""Any PyTorch module as a graph: not built yet; `netsculpt.loading` reads chains by their shapes."""
