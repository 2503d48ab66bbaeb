"""What an analysis looks like: in the terminal, in a folder, as JSON, as figures.

Folders as the commands write them: `write_analysis`, `write_comparison` of two networks,
`write_groups`, `write_track` of a network over time. ``__init__.pyi`` lists the public names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
