"""Which weights a net needs: exact ablation, and how well estimates of it do.

>>> from netsculpt.core.catalog import names
>>> {"magnitude", "first_order", "obd", "woodfisher", "wanda"} <= set(names("scores"))
True
"""

from netsculpt.training.importance.curves import PruningCurve, pruning_curve
from netsculpt.training.importance.groups import GroupShapley, group_shapley
from netsculpt.training.importance.importance import importance
from netsculpt.training.importance.movement import movement
from netsculpt.training.importance.obd_exact import obd_exact
from netsculpt.training.importance.result import Importance

__all__ = [
    "GroupShapley",
    "Importance",
    "PruningCurve",
    "group_shapley",
    "importance",
    "movement",
    "obd_exact",
    "pruning_curve",
]
__dir__ = __all__.copy
