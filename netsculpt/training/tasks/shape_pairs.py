"""Two shapes in a noisy image: a task for convolutional nets without a download."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.random import RNG
from netsculpt.training.tasks.goals import Classes
from netsculpt.training.tasks.protocol import Task

__all__ = ["shape_pairs"]

_SHAPES = (  # plus, cross, ring, bars
    ("..#..", "..#..", "#####", "..#..", "..#.."),
    ("#...#", ".#.#.", "..#..", ".#.#.", "#...#"),
    ("#####", "#...#", "#...#", "#...#", "#####"),
    ("#####", ".....", "#####", ".....", "#####"),
)
_SIZE = 5  # of a shape


def shape_pairs(n_samples: int, *, side: int = 12, noise: float = 0.2, rng: RNG = None) -> Task:
    """Classify which two of four shapes an image shows, wherever they are, bright or dark.

    A plus, a cross, a ring and bars of 5 × 5 pixels, each of mean 0 and random sign, are placed at
    random without overlap; two of one kind are a class too. So every class has the same mean image
    and linear classifiers learn nothing: a net must recognise shapes everywhere, as convolutions
    do, and combine the two.

    Parameters
    ----------
    n_samples
        Images to draw.
    side
        Pixels per side, 10 or more.
    noise
        Standard deviation of normal noise on every pixel; pixels of a shape differ by 1.
    rng
        Seed or generator.

    Returns
    -------
    Task
        Inputs [n_samples, side²], images of one channel row by row; ten classes.

    Examples
    --------
    >>> task = shape_pairs(100, rng=0)
    >>> task.inputs.shape, task.n_outputs
    (torch.Size([100, 144]), 10)
    """
    import torch

    checked_whole(n_samples, "n_samples")
    checked_whole(side, "side")
    checked_number(noise, "noise")
    if n_samples < 1 or side < 2 * _SIZE or not 0 <= noise < np.inf:
        raise FormatError(
            f"n_samples is {n_samples}, side {side} and noise {noise}: at least 1, at least "
            f"{2 * _SIZE}, and a finite number of at least 0 are needed"
        )
    generator = np.random.default_rng(rng)
    shapes = np.array([[[pixel == "#" for pixel in row] for row in x] for x in _SHAPES], float)
    shapes -= shapes.mean(axis=(1, 2), keepdims=True)
    kinds = np.array([*combinations_with_replacement(range(len(_SHAPES)), 2)])
    places = np.array([*product(range(side - _SIZE + 1), repeat=4)]).reshape(-1, 2, 2)
    places = places[np.abs(places[:, 0] - places[:, 1]).max(axis=1) >= _SIZE]

    labels = generator.integers(len(kinds), size=n_samples)
    corners = places[generator.integers(len(places), size=n_samples)]
    signs = generator.choice([-1.0, 1.0], size=(n_samples, 2))
    images = noise * generator.standard_normal((n_samples, side, side))
    rows = np.arange(n_samples)[:, None, None]
    for number in range(2):
        down = corners[:, number, 0, None] + np.arange(_SIZE)
        right = corners[:, number, 1, None] + np.arange(_SIZE)
        shown = signs[:, number, None, None] * shapes[kinds[labels, number]]
        images[rows, down[:, :, None], right[:, None]] += shown
    inputs = torch.from_numpy(images.reshape(n_samples, -1).astype(np.float32))
    return Task("shape-pairs", inputs, torch.from_numpy(labels)[:, None], Classes((len(kinds),)))
