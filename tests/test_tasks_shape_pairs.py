"""Shape pairs: images show what their class says, and linear classifiers fail on them."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError
from netsculpt.training.tasks import shape_pairs, task

SIZE, SIDE = 5, 12
KINDS = ("plus", "cross", "ring", "bars")


def drawn(kind: str) -> np.ndarray:
    at = np.arange(SIZE)
    rows, columns = at[:, None], at[None, :]
    shape = {
        "plus": (rows == 2) | (columns == 2),
        "cross": (rows == columns) | (rows + columns == 4),
        "ring": (rows % 4 == 0) | (columns % 4 == 0),
        "bars": (rows % 2 == 0) & (columns >= 0),
    }[kind].astype(float)
    return shape - shape.mean()


def found(image: np.ndarray) -> list[str]:
    """The kinds of shapes in an image without noise, each looked for at every place."""
    left, kinds = image.copy(), []
    for kind in KINDS:
        for row in range(SIDE - SIZE + 1):
            for column in range(SIDE - SIZE + 1):
                window = left[row : row + SIZE, column : column + SIZE]
                for sign in (1, -1):
                    if np.allclose(window, sign * drawn(kind), atol=1e-6):
                        kinds.append(kind)
                        window[:] = 0
    assert np.allclose(left, 0, atol=1e-6), "nothing else is in the image"
    return kinds


@pytest.mark.slow
def test_images_show_the_pair_of_their_class():
    made = shape_pairs(60, noise=0, rng=0)
    pairs = [*combinations_with_replacement(KINDS, 2)]
    for image, label in zip(made.inputs.double().numpy(), made.targets[:, 0], strict=True):
        assert sorted(found(image.reshape(SIDE, SIDE))) == sorted(pairs[label])
    assert made.n_outputs == len(pairs) == 10


def test_noise_places_and_signs():
    made = shape_pairs(4000, noise=0.2, rng=1)
    images = made.inputs.double().reshape(-1, SIDE, SIDE)
    quiet = shape_pairs(4000, noise=0, rng=1).inputs.double().reshape(-1, SIDE, SIDE)
    assert float((images - quiet).std()) == pytest.approx(0.2, rel=0.01)
    assert float(quiet.mean(0).abs().max()) < 0.06, "either sign as often"
    shown = (quiet.abs() > 1e-9).double().mean(0)
    assert float(shown.min()) > 0.04, "shapes stand everywhere"
    counts = torch.bincount(made.targets[:, 0], minlength=10)
    assert int(counts.min()) > 320, "classes are as frequent"


def test_linear_classifiers_learn_nothing():
    split = task("shape-pairs", rng=0)
    assert (split.n_samples, split.validation.n_samples) == (2000, 500)
    wanted = torch.nn.functional.one_hot(split.targets[:, 0], 10).double()
    fitted = torch.linalg.lstsq(split.inputs.double(), wanted).solution
    held = split.validation
    right = held.goal.accuracy(held.inputs.double() @ fitted, held.targets)
    assert right < 0.18


def test_same_seed_same_bytes():
    first, again, other = (shape_pairs(50, rng=seed) for seed in (3, 3, 4))
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.inputs, other.inputs)


@pytest.mark.parametrize("wrong", [{"n_samples": 0}, {"side": 9}, {"noise": -1}])
def test_refused(wrong):
    with pytest.raises(FormatError, match="needed"):
        shape_pairs(**{"n_samples": 10, **wrong})
