from .of_net import weight_profile as weight_profile
from .of_topology import topology_profile as topology_profile
from .result import RULES as RULES
from .result import Estimate as Estimate
from .result import WeightProfile as WeightProfile
from .result import weight_grid as weight_grid
