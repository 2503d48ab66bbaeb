"""Training of a single net, masked or dense."""
