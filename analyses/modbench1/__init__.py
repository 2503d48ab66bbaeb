"""ModBench 1: networks of known modules, entrants that look for them, and scores."""
