"""Tasks that topologies are searched for."""

from netsculpt.training.search.tasks.protocol import SearchTask, Tested
from netsculpt.training.search.tasks.samples import (
    Loss,
    SampleTask,
    boolean_search,
    classification_search,
)
from netsculpt.training.search.tasks.swing_up import SwingUp

__all__ = [
    "Loss",
    "SampleTask",
    "SearchTask",
    "SwingUp",
    "Tested",
    "boolean_search",
    "classification_search",
]
