"""What a sparse network does whatever its weights are: a profile over one weight for all edges."""

from netsculpt.training.weight_profile.of_net import weight_profile
from netsculpt.training.weight_profile.of_topology import topology_profile
from netsculpt.training.weight_profile.result import RULES, WeightProfile, weight_grid

__all__ = ["RULES", "WeightProfile", "topology_profile", "weight_grid", "weight_profile"]
