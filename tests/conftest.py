"""What every test begins with."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of processes too: tests share the cores
import torch


@pytest.fixture(autouse=True)
def same_weights_every_time() -> None:
    """Torch draws initial weights from its global generator, now and then an exact 0: no edge."""
    torch.manual_seed(0)
