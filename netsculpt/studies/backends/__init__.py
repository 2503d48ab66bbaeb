"""Where the cells of a study run: here, in other processes, or on a cluster."""

from netsculpt.studies.backends.opening import BACKENDS, CLUSTERS, open_workers
from netsculpt.studies.backends.workers import WorkerDiedError, Workers

__all__ = ["BACKENDS", "CLUSTERS", "WorkerDiedError", "Workers", "open_workers"]
__dir__ = __all__.copy
