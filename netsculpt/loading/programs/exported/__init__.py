"""Exported programs (``.pt2``) read as data: a JSON graph and raw tensors; nothing in them runs."""
