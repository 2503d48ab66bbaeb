"""A sparse net and its dense twin: what they answer, to whom, and with which weights.

Every measure takes plain arrays: logits [n, classes] of both on the same samples, their labels [n],
activations [n, units], masks.
"""

from netsculpt.compare.pair.answers import AnswerChanges, answer_changes
from netsculpt.compare.pair.by_class import ClassRecalls, class_recalls
from netsculpt.compare.pair.masks import MaskOverlap, mask_overlap
from netsculpt.compare.pair.memorisation import Memorised, memorised
from netsculpt.compare.pair.outcome import GraphComparison, PairAnalysis, PairOutcome, pair_outcome
from netsculpt.compare.pair.outputs import OutputDistances, output_distances
from netsculpt.compare.pair.phases import PhaseOverlaps, phase_overlaps
from netsculpt.compare.representation import debiased_cka

__all__ = [
    "AnswerChanges",
    "ClassRecalls",
    "GraphComparison",
    "MaskOverlap",
    "Memorised",
    "OutputDistances",
    "PairAnalysis",
    "PairOutcome",
    "PhaseOverlaps",
    "answer_changes",
    "class_recalls",
    "debiased_cka",
    "mask_overlap",
    "memorised",
    "output_distances",
    "pair_outcome",
    "phase_overlaps",
]
__dir__ = __all__.copy
