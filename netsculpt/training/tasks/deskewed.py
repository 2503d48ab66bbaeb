"""Images of a task made smaller and upright."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.training.tasks.protocol import Task

__all__ = ["deskewed"]

_AT_ONCE = 4096  # images
_LEAST = 0.01  # second moment of an image below which it stays as it is


def deskewed(task: Task, side: int = 16) -> Task:
    r"""Resize square images and shear them until they stand upright.

    An image is resized bilinearly, without smoothing. Its skew is :math:`s = \mu_{11}/\mu_{02}`,
    with the moments of its pixels about their centre of mass; row y of n is moved to the left by
    :math:`s (y - n/2)` pixels, and what comes in from outside is 0.

    Parameters
    ----------
    task
        A task whose inputs are square images of one channel.
    side
        Pixels on a side afterwards.

    Returns
    -------
    Task
        Inputs [n, side²]; held-out images are treated the same.

    Raises
    ------
    FormatError
        If the inputs are not square images.

    Notes
    -----
    As Gaier and Ha 2019 (arXiv:1906.04358) prepare MNIST, apart from the rounding of positions to
    1/32 of a pixel in the library that they use.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> deskewed(digits()).n_inputs
    256
    """
    import torch

    checked_whole(side, "side", least=2)
    width = math.isqrt(task.n_inputs)
    if width**2 != task.n_inputs:
        raise FormatError(f"{task.n_inputs} inputs are not a square image: a square is needed")
    flat = task.inputs.numpy().reshape(-1, width, width)
    parts = [
        _upright(_resized(flat[first : first + _AT_ONCE], side))
        for first in range(0, len(flat), _AT_ONCE)
    ]
    inputs = torch.from_numpy(np.concatenate(parts).reshape(len(flat), -1))
    held_out = task.held_out and deskewed(task.held_out, side)
    return replace(task, inputs=inputs, held_out=held_out, truth=None)


def _resized(images: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Images [n, side, side], each pixel interpolated at its centre."""
    width = images.shape[1]
    at = np.clip((np.arange(side) + 0.5) * width / side - 0.5, 0, width - 1)
    low = np.minimum(at.astype(int), width - 2)
    share = (at - low).astype(np.float32)
    rows = images[:, low] * (1 - share[:, None]) + images[:, low + 1] * share[:, None]
    resized: NDArray[np.float32] = rows[..., low] * (1 - share) + rows[..., low + 1] * share
    return resized


def _upright(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The images with each row moved by its share of the skew."""
    side = images.shape[1]
    place = np.arange(side)
    mass = images.astype(float)
    total = np.maximum(mass.sum(axis=(1, 2)), np.finfo(float).tiny)
    x, y = (mass.sum(axis=axis) @ place / total for axis in (1, 2))
    across, down = place - x[:, None], place - y[:, None]
    both = np.einsum("nyx,ny,nx->n", mass, down, across)
    vertical = np.einsum("nyx,ny->n", mass, down**2)
    is_flat = np.abs(vertical) < _LEAST
    skew = np.where(is_flat, 0.0, both / np.where(is_flat, 1.0, vertical))
    at = place + (skew[:, None] * (place - side / 2))[..., None]  # [n, y, x]
    low = np.floor(at).astype(int)
    share = (at - low).astype(np.float32)
    upright: NDArray[np.float32] = (1 - share) * _taken(images, low)
    upright += share * _taken(images, low + 1)
    return upright


def _taken(images: NDArray[np.float32], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """Pixels of these columns [n, y, x] in each row; 0 outside of the image."""
    inside = (columns >= 0) & (columns < images.shape[2])
    taken: NDArray[np.float32] = np.take_along_axis(
        images, np.clip(columns, 0, images.shape[2] - 1), axis=2
    )
    taken[~inside] = 0
    return taken
