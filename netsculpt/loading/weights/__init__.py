"""From tensors by name to a chain of layers, or to the weights of a net."""
