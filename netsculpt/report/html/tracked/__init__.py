"""The page of a network over time."""
