"""The command line looks for garbage rarely, but goes on doing so."""

from __future__ import annotations

import subprocess
import sys


def said(code: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_the_first_collection_is_late_and_others_are_not() -> None:
    code = """
import gc
from netsculpt.cli.garbage import collect_rarely
collect_rarely()
collect_rarely()
print(gc.get_threshold()[0])
gc.collect()
print(gc.get_threshold()[0], len(gc.callbacks))
"""
    assert said(code) == ["1000000", "50000", "0"]


def test_nothing_is_looked_at_when_the_process_ends() -> None:
    code = """
import atexit, gc
atexit.register(lambda: print(len(gc.get_objects())))  # runs last
from netsculpt.cli.garbage import collect_rarely
collect_rarely()
print(len(gc.get_objects()))
"""
    before, at_the_end = map(int, said(code))
    assert before > 1000
    assert at_the_end < 100
