"""The steps of `layered`."""
