"""Studies: grids of cells that resume, share the work and leave tables."""

from netsculpt.studies.study import Results, Rows, Study

__all__ = ["Results", "Rows", "Study"]
__dir__ = __all__.copy
