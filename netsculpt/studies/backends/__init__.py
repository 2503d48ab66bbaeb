"""Where the cells of a study run: here, in other processes, or on a cluster."""

from netsculpt.studies.backends.opening import BACKENDS, CLUSTERS, open_workers
from netsculpt.studies.backends.workers import WorkerDied, Workers

__all__ = ["BACKENDS", "CLUSTERS", "WorkerDied", "Workers", "open_workers"]
