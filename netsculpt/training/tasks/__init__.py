"""Tasks: inputs, targets, what counts as right, and the known functions they consist of.

>>> from netsculpt.training.tasks import task
>>> task("overlap-1-use-2").truth.input_groups.labels.tolist()
[0, 0, 0, 1, 2, 2, 2]
"""

from netsculpt.training.tasks.boolean import boolean
from netsculpt.training.tasks.deskewed import deskewed
from netsculpt.training.tasks.digits import digits
from netsculpt.training.tasks.goals import Bits, Classes, Goal, NextToken
from netsculpt.training.tasks.idx import idx
from netsculpt.training.tasks.parsing import absolute_task, named_circuit, parse_task
from netsculpt.training.tasks.presets import task, task_names
from netsculpt.training.tasks.protocol import Function, Task, Truth, hold_out
from netsculpt.training.tasks.regrouped import regrouped
from netsculpt.training.tasks.relabelled import Relabelled, relabelled
from netsculpt.training.tasks.shape_pairs import shape_pairs
from netsculpt.training.tasks.tokens import brackets, copying, induction, quotes, variable_types
from netsculpt.training.tasks.two_digits import digit_sum, separate_digits

__all__ = [
    "Bits",
    "Classes",
    "Function",
    "Goal",
    "NextToken",
    "Relabelled",
    "Task",
    "Truth",
    "absolute_task",
    "boolean",
    "brackets",
    "copying",
    "deskewed",
    "digit_sum",
    "digits",
    "hold_out",
    "idx",
    "induction",
    "named_circuit",
    "parse_task",
    "quotes",
    "regrouped",
    "relabelled",
    "separate_digits",
    "shape_pairs",
    "task",
    "task_names",
    "variable_types",
]
__dir__ = __all__.copy
