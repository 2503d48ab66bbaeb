"""Sparse training: masks that change while a net learns."""
