"""The main job: from a graph to everything that netsculpt can say about it."""

from netsculpt.pipeline.analysis import WEIGHTED, Analysis, Detected, PathFacts
from netsculpt.pipeline.detecting import detector_of
from netsculpt.pipeline.features import network_features
from netsculpt.pipeline.networks import NetworkComparison, compare_networks, matched_units
from netsculpt.pipeline.plan import AnalysisPlan
from netsculpt.pipeline.stages import analyze

__all__ = [
    "WEIGHTED",
    "Analysis",
    "AnalysisPlan",
    "Detected",
    "NetworkComparison",
    "PathFacts",
    "analyze",
    "compare_networks",
    "detector_of",
    "matched_units",
    "network_features",
]
__dir__ = __all__.copy
