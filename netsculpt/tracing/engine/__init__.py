"""Units and edges while a net is followed."""
