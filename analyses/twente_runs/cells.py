"""Factors of the study, and the cells that combine them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

__all__ = ["DENSE", "FACTORS", "OUTCOMES", "Cell", "Settings", "Treatment"]

DENSE = "dense"

FACTORS = MappingProxyType(
    {
        "arch": ("mlp", "cnn", "lstm"),
        "activation": ("relu", "leaky_relu", "all_relu", "tanh", "sigmoid", "silu", "gelu"),
        "inputs": ("z", "minmax", "raw"),
        "norm": ("none", "batch", "layer"),
        "sparsity": (  # a dense net has one density only
            DENSE,
            *(f"{method} {kept}" for method in ("set", "rigl", "gmp", "ac_dc") for kept in (20, 5)),
        ),
    }
)
"""Levels of each factor; the first is what others are compared with. Densities are in percent."""

OUTCOMES = tuple(product(("train", "held_out"), ("signed", "absolute")))
"""On which samples weights are removed, and whether changes have signs."""


@dataclass(frozen=True)
class Treatment:
    """One level of each factor."""

    arch: str
    activation: str
    inputs: str  # how they are normalised
    norm: str  # between layers
    sparsity: str  # a method and a density

    @property
    def method(self) -> str:
        """The method of sparse training, or "dense"."""
        return self.sparsity.split()[0]

    @property
    def density(self) -> float:
        """Share of the weights that is kept at the end."""
        return 1.0 if self.sparsity == DENSE else int(self.sparsity.split()[1]) / 100


@dataclass(frozen=True)
class Settings:
    """What is the same in all cells."""

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 3e-3  # of Adam
    every: int = 46  # steps between updates of a mask
    until: float = 0.75  # of the training: masks stay from then on
    n_samples: int | None = 512  # most training and held-out samples to remove weights on
    recovery_epochs: int = 1  # 0: pruned nets are not trained again
    estimators: tuple[str, ...] = (
        *("magnitude", "input_deviation", "wanda", "first_order", "obd", "woodfisher"),
        *("relative_importance", "lamp", "synflow", "random"),
    )


@dataclass(frozen=True)
class Cell:
    """One net, trained and measured."""

    treatment: Treatment
    seed: int  # of weights, masks, and training order
    widths: tuple[int, ...] | None = None  # of a perceptron; None: those of the study
    settings: Settings = Settings()

    @property
    def about(self) -> dict[str, Any]:
        """What tells its rows from those of other cells."""
        kind = "study" if self.widths is None else "-".join(map(str, self.widths))
        factors = {**vars(self.treatment), "method": self.treatment.method}
        return {"part": kind, **factors, "density": self.treatment.density, "seed": self.seed}
