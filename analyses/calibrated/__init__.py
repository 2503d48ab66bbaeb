"""Networks without modules, and with planted ones, for the calibration of significance tests."""
