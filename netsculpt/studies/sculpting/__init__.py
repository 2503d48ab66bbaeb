"""A sweep of sculpting: networks of one task, many seeds and gradients, in one folder.

plan.json               the configuration, and which detectors judge; written first
rounds/seeds-0-9.pt     state of a batch of seeds, saved after every round
seed-3/model.pt         the sparsest network of a seed, for `netsculpt.load`
seed-3/history/         its masks after every round
runs.csv, summary.json  every run, and what the detectors find; written last
"""

from netsculpt.studies.folder import PLAN
from netsculpt.studies.sculpting.config import SweepConfig
from netsculpt.studies.sculpting.judging import is_grouped
from netsculpt.studies.sculpting.plan import DETECTORS, read_config, read_detectors
from netsculpt.studies.sculpting.result import Network, Run, Sweep
from netsculpt.studies.sculpting.sweep import sweep

__all__ = ["DETECTORS", "PLAN", "Network", "Run", "Sweep", "SweepConfig", "is_grouped"]
__all__ += ["read_config", "read_detectors", "sweep"]
__dir__ = __all__.copy
