"""Tasks of three and more functions, networks sculpted for them, and what detectors see in them."""
