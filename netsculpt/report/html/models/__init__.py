"""The page of several models."""
