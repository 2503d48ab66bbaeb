"""The steps of `mdl`."""
