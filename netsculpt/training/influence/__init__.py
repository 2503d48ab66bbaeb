"""Influence of units on outputs, measured on data: ``(replicas, task, *, …) -> float64 [R, U, O]``.

Row u is how much each output depends on unit u; units are numbered as in the net's graph. The row
of an output is how much each output changes together with it when the inputs change.

What modules carry has folders of its own: ``lesions``, ``interchange`` and ``decoding``, which run
nets with other activations by ``intervening``. ``masking`` and ``circuits`` learn what is enough
for an answer, by the ``gates`` of both.
"""

from netsculpt.training.influence._stored import measured_influence, replica_of_model, task_name_of
from netsculpt.training.influence.answer_flips import answer_flips

__all__ = ["answer_flips", "measured_influence", "replica_of_model", "task_name_of"]
__dir__ = __all__.copy
