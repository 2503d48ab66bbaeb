"""Functions that several processes of tests need compiled: one compiles, the others wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filelock import FileLock
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher


def compile_once() -> None:
    """Let numba lock a function's cache while it compiles it.

    Who waited finds the code in the cache. Without it each process compiles what it meets first:
    half a minute, twice at the same time where the cache is empty.
    """
    compiling = Dispatcher.compile

    def compiled(self: Any, signature: Any) -> Any:
        folder = self._cache.cache_path
        if folder is None:
            return compiling(self, signature)
        Path(folder).mkdir(parents=True, exist_ok=True)
        lock = Path(folder, f"{self.py_func.__qualname__}.lock")
        with global_compiler_lock, FileLock(lock, is_singleton=True):  # in this order: no deadlock
            return compiling(self, signature)

    Dispatcher.compile = compiled
