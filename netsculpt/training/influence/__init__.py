"""What units carry on data: ``(replicas, task, *, …) -> float64 [R, U, O]``.

Row u says how much each output depends on unit u; units are numbered as in the net's graph. The
row of an output says how much each output changes together with it when the inputs change.
"""

from netsculpt.training.influence._stored import measured_influence, stacked, task_of
from netsculpt.training.influence.answer_flips import answer_flips

__all__ = ["answer_flips", "measured_influence", "stacked", "task_of"]
