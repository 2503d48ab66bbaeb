"""Data parallelism: how many steps of training a batch size needs, at its best metaparameters.

Shallue et al., "Measuring the effects of data parallelism on neural network training",
arXiv:1811.03600; for sparse nets Lee, Ajanthan, Torr and Jaggi, arXiv:2003.11316.

`draws` are learning rates and momenta to try; `steps_to_result` trains a workload with each until
it reaches a goal; `scaling` fits how the best of them depends on the batch size. A workload is a
`NetWorkload`, the `NoisyQuadratic`, or anything with the same method and ``worst_error``.
"""

from netsculpt.training.parallelism.draws import Draws, draws
from netsculpt.training.parallelism.lipschitz import local_lipschitz
from netsculpt.training.parallelism.minima import bootstrapped_best, median_best
from netsculpt.training.parallelism.nets import NetWorkload, gradients, shuffles
from netsculpt.training.parallelism.quadratic import NoisyQuadratic
from netsculpt.training.parallelism.scaling import Scaling, scaling
from netsculpt.training.parallelism.search import StepsToResult, Stopping, steps_to_result
from netsculpt.training.parallelism.workload import Running, Workload

__all__ = [
    "Draws",
    "NetWorkload",
    "NoisyQuadratic",
    "Running",
    "Scaling",
    "StepsToResult",
    "Stopping",
    "Workload",
    "bootstrapped_best",
    "draws",
    "gradients",
    "local_lipschitz",
    "median_best",
    "scaling",
    "shuffles",
    "steps_to_result",
]
__dir__ = __all__.copy
