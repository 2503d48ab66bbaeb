"""Transformers whose weights and activations may be sparse: one part in each file."""
