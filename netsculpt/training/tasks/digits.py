"""Handwritten digits of 8 × 8 pixels, included in scikit-learn."""

from __future__ import annotations

import numpy as np

from netsculpt.training.tasks.goals import Classes
from netsculpt.training.tasks.protocol import Task

__all__ = ["digits"]

_LARGEST = 16  # pixels are 0 … 16


def digits() -> Task:
    """Load the 1797 digits of scikit-learn: 64 inputs in 0 … 1, ten classes.

    Source: the test set of Alpaydin & Kaynak 1998, *Optical recognition of handwritten digits*,
    doi:10.24432/C50P49. Nothing is downloaded.

    >>> digits().inputs.shape
    torch.Size([1797, 64])
    """
    import torch
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy((pixels / _LARGEST).astype(np.float32))
    targets = torch.from_numpy(labels.astype(np.int64))[:, None]
    return Task("digits", inputs, targets, Classes((10,)))
