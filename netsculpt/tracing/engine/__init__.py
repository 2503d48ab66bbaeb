"""Units and edges of a net while it is followed."""
