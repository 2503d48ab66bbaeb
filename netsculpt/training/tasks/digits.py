"""Handwritten digits of 8 × 8 pixels, included in the package."""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np

from netsculpt.training.tasks.goals import Classes
from netsculpt.training.tasks.protocol import Task

__all__ = ["digits"]

_N_PIXELS = 64
_LARGEST = 16  # pixels are 0 … 16


def digits() -> Task:
    """Load the 1797 digits that scikit-learn has, too: 64 inputs in 0 … 1, ten classes.

    Source: the test set of Alpaydin & Kaynak 1998, *Optical recognition of handwritten digits*,
    doi:10.24432/C50P49. Nothing is downloaded.

    >>> digits().inputs.shape
    torch.Size([1797, 64])
    """
    import torch

    stored = files("netsculpt.training.tasks").joinpath("data", "digits.gz").read_bytes()
    rows = np.frombuffer(gzip.decompress(stored), np.uint8).reshape(-1, _N_PIXELS + 1)
    pixels, labels = rows[:, :-1], rows[:, -1]
    inputs = torch.from_numpy((pixels / _LARGEST).astype(np.float32))
    targets = torch.from_numpy(labels.astype(np.int64))[:, None]
    return Task("digits", inputs, targets, Classes((10,)))
