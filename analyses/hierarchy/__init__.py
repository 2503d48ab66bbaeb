"""Hierarchies of networks whose function graph is known."""
