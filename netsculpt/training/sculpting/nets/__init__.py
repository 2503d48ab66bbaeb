"""Sculpting of any net that can be traced."""
