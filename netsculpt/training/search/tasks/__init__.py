"""What networks are rewarded for in a search."""

from netsculpt.training.search.tasks.fits import check_fits
from netsculpt.training.search.tasks.parsing import parse_search_task
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
    "check_fits",
    "classification_search",
    "parse_search_task",
]
__dir__ = __all__.copy
