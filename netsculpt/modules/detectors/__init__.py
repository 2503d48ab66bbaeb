"""Detectors of modules: `(graph, *, rng, …) -> Partition`; dead units get −1."""

from netsculpt.modules.detectors.layered import layered
from netsculpt.modules.detectors.leiden import leiden
from netsculpt.modules.detectors.mdl import mdl
from netsculpt.modules.detectors.path_signature import path_signature
from netsculpt.modules.detectors.sculpting import sculpting
from netsculpt.modules.detectors.spectral import spectral

__all__ = ["layered", "leiden", "mdl", "path_signature", "sculpting", "spectral"]
__dir__ = __all__.copy
