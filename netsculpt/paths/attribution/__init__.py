"""Scores of attribution graphs: what led to the next token, and how much of it is explained."""

from netsculpt.paths.attribution.influence import Influence, influence
from netsculpt.paths.attribution.influential import influential
from netsculpt.paths.attribution.scores import AttributionScores, attribution_scores

__all__ = ["AttributionScores", "Influence", "attribution_scores", "influence", "influential"]
__dir__ = __all__.copy
