"""Grids of runs that share a folder, resume and leave tables."""
