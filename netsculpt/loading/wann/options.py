"""What the file of a weight agnostic network leaves open."""

from __future__ import annotations

import os
from dataclasses import dataclass

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole

__all__ = ["WannOptions"]


@dataclass(frozen=True)
class WannOptions:
    """How to read the ``.out`` file of a weight agnostic network.

    The published networks apply a bias to all individual weights of their ``.wann.json``: −1.5
    (swing-up), −1.87 (biped), −0.7 (racing), 0 (MNIST).

    Raises
    ------
    NumberError
        If a number is not one, or out of range.
    FormatError
        If there is a bias for weights that are not given.
    """

    weights: str | os.PathLike[str] | None = None  # a ``.wann.json``; None: all weights are 1
    weight_bias: float = 0.0  # added to each of them
    n_inputs: int | None = None  # without the bias unit; None: as the file shows
    n_outputs: int | None = None  # None: as the file shows

    def __post_init__(self) -> None:
        checked_number(self.weight_bias, "weight_bias")
        for name in ("n_inputs", "n_outputs"):
            if getattr(self, name) is not None:
                checked_whole(getattr(self, name), name, least=1)
        if self.weight_bias and self.weights is None:
            raise FormatError(
                f"weight_bias is {self.weight_bias}, but there are no weights to add it to: name "
                "their file too, weights='NAME.wann.json' (--wann-weights)"
            )
