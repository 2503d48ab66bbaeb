"""One network over time: checkpoints of a training, rounds of a pruning, masks of sparse training.

`Recorder` writes checkpoints in a loop of your own, `graphs_of` reads a folder of them, `follow`
says what became of the network: density, live units, paths, modules that keep their numbers.
``netsculpt track`` does the last two. ``__init__.pyi`` lists the public names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
