"""Transfer: what a net learned on one task in a net for another."""

from netsculpt.training.transfer.stitching import Stitching, stitched, stitching

__all__ = ["Stitching", "stitched", "stitching"]
