"""Tensors by name become a chain of layers, or the weights of a net."""
