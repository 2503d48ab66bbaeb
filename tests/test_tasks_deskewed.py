"""Images made smaller and upright."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform, map_coordinates

from netsculpt.core.errors import FormatError
from netsculpt.training.tasks import Classes, Task, deskewed, digits, task


def images_task(images: np.ndarray) -> Task:
    inputs = torch.from_numpy(images.reshape(len(images), -1).astype("float32"))
    return Task("images", inputs, torch.zeros(len(images), 1, dtype=torch.int64), Classes((2,)))


def by_scipy(image: np.ndarray, side: int) -> np.ndarray:
    """The same by two transformations of SciPy, with moments from their definition."""
    at = np.clip((np.arange(side) + 0.5) * len(image) / side - 0.5, 0, len(image) - 1)
    small = map_coordinates(image, np.meshgrid(at, at, indexing="ij"), order=1, mode="nearest")
    y, x = np.mgrid[:side, :side]
    total = small.sum()
    middle_x, middle_y = (small * x).sum() / total, (small * y).sum() / total
    below = (small * (y - middle_y) ** 2).sum()
    if abs(below) < 0.01:
        return small
    skew = (small * (x - middle_x) * (y - middle_y)).sum() / below
    return affine_transform(
        np.pad(small, side), [[1, 0], [skew, 1]], [0, -skew * (side / 2 + side)], order=1
    )[side:-side, side:-side]


@pytest.mark.parametrize("side", [16, 8, 5])
def test_it_is_what_scipy_makes(side: int) -> None:
    images = digits().inputs.numpy().reshape(-1, 8, 8)[:60]
    found = deskewed(images_task(images), side).inputs.numpy().reshape(-1, side, side)
    for mine, image in zip(found, images, strict=True):
        assert np.allclose(mine, by_scipy(image.astype(float), side), atol=1e-5)


def test_a_slanted_stroke_stands_upright() -> None:
    image = np.zeros((16, 16))
    for row in range(2, 14):
        image[row, 2 + row // 2 : 5 + row // 2] = 1
    upright = deskewed(images_task(image[None])).inputs.numpy().reshape(16, 16)
    x = np.arange(16)
    centres = (upright[2:14] @ x) / upright[2:14].sum(axis=1)
    assert np.ptp(centres) < 0.6
    assert np.ptp((image[2:14] @ x) / image[2:14].sum(axis=1)) >= 5


def test_an_empty_image_stays_and_held_out_ones_are_deskewed_too() -> None:
    assert not deskewed(images_task(np.zeros((2, 9, 9))), 4).inputs.any()
    split = task("digits", rng=0)
    both = deskewed(split)
    assert both.validation.n_inputs == 256
    alone = deskewed(split.validation)
    assert torch.equal(both.validation.inputs, alone.inputs)


def test_what_is_not_a_square_image_is_refused() -> None:
    with pytest.raises(FormatError, match="12 inputs are not a square image"):
        deskewed(images_task(np.zeros((2, 12))))
