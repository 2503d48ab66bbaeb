"""Transfer: what a net learned on one task in a net for another."""

from netsculpt.training.transfer.reuse_analysis import (
    NetOnTask,
    ReuseAnalysis,
    reuse_analysis,
)
from netsculpt.training.transfer.stitching import Stitching, stitched, stitching

__all__ = ["NetOnTask", "ReuseAnalysis", "Stitching", "reuse_analysis", "stitched", "stitching"]
