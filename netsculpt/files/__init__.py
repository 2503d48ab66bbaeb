"""From untrusted files to tensors, without running code; independent of graphs and nets."""
