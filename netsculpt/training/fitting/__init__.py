"""A training loop for one net, masked or dense."""
