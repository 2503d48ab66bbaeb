"""netsculpt: network science of sparse neural networks.

A trained sparse model becomes a weighted DAG of its units (`NetGraph`); everything else is a
function from that graph to a small frozen result.

>>> import netsculpt
>>> graph, truth = netsculpt.planted([16, 16, 16], 2, 0.6, 0.02, rng=0)
>>> netsculpt.modules.layered(graph, rng=0).n_modules
2

The public names stand in ``__init__.pyi``; each is imported when it is first used (SPEC 1), so
that ``import netsculpt`` costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
