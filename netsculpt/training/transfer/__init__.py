"""What a net learned on one task, in a net for another: transfer, and parts exchanged."""

from netsculpt.training.transfer.full import full_transfer
from netsculpt.training.transfer.linear import STRENGTHS, linear_transfer
from netsculpt.training.transfer.modular import (
    ModularTransfer,
    modular_benefit,
    modular_transfer,
)
from netsculpt.training.transfer.result import Transferred
from netsculpt.training.transfer.reuse_analysis import (
    NetOnTask,
    ReuseAnalysis,
    reuse_analysis,
)
from netsculpt.training.transfer.stitching import Stitching, stitched, stitching

__all__ = [
    "STRENGTHS",
    "ModularTransfer",
    "NetOnTask",
    "ReuseAnalysis",
    "Stitching",
    "Transferred",
    "full_transfer",
    "linear_transfer",
    "modular_benefit",
    "modular_transfer",
    "reuse_analysis",
    "stitched",
    "stitching",
]
__dir__ = __all__.copy
