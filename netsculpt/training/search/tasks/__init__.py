"""What networks are rewarded for in a search."""
