"""The main job: from a graph to everything that netsculpt can say about it."""

from netsculpt.pipeline.analysis import WEIGHTED, Analysis, Detected, PathFacts
from netsculpt.pipeline.detecting import detector_of
from netsculpt.pipeline.plan import AnalysisPlan
from netsculpt.pipeline.stages import analyze

__all__ = [
    "WEIGHTED",
    "Analysis",
    "AnalysisPlan",
    "Detected",
    "PathFacts",
    "analyze",
    "detector_of",
]
