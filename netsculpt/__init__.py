"""netsculpt: network science of sparse neural networks."""
