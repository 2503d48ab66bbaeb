"""Weight agnostic networks: a pattern in one file, individual weights in another."""

from __future__ import annotations

from netsculpt.loading.wann.options import WannOptions

__all__ = ["WannOptions"]
__dir__ = __all__.copy
