"""What is trained, and the cells: one source by one method, with one seed."""

from __future__ import annotations

from dataclasses import dataclass

from netsculpt.training.fitting.recipe import Recipe

__all__ = ["CONFOUND", "METHODS", "PARTS", "Cell", "Setup", "cells"]

PARTS = (
    "benefit",  # of its frozen module
    "itself",  # the source as its own target: the most reuse that can be found
    "reuse",  # by targets that are trained from all of it
)
METHODS = ("sculpted", "rigl", "ac_dc", "dense")
CONFOUND = -1  # in the place of k: a target from the source's initial weights, on the task of k = 0


@dataclass(frozen=True)
class Setup:
    """Tasks, nets and trainings of every cell."""

    n_functions: int  # of each task; the target shares 0 … n of them with the source
    hidden: tuple[int, ...]  # of sources, and of targets that are trained from all of a source
    wide: tuple[int, ...]  # of targets that get a module: new units stand next to it
    density: float  # of RigL and AC/DC; sculpting finds its own
    recipe: Recipe  # of sources, and of those targets: on all rows of the truth table
    edge_gradient: float  # of sculpting: percent of the weights per step
    moving: int  # epochs before the masks of RigL and AC/DC stay; the recipe's follow
    every: int  # steps from update to update of RigL
    phases: int  # of AC/DC: each dense one and each sparse one has as many epochs, but the last
    learning: Recipe  # of modular transfers
    fractions: tuple[float, ...]  # of the rows of the target's truth table that they learn from
    goal: float  # accuracy on the other rows, or on all if all are learned from
    detector: str
    n_random: int  # random sets of units per module, for lesions and interchange
    n_draws: int  # random modules, and random masks
    most_unions: int  # of modules of a target, for functions that no single one carries


@dataclass(frozen=True)
class Cell:
    """A source, and all targets of it."""

    part: str  # of PARTS
    method: str  # of METHODS
    seed: int  # of tasks, weights, masks and training orders: methods share it
    setup: Setup


def cells(setup: Setup, methods: tuple[str, ...], seeds: range) -> list[Cell]:
    """All cells, part by part and seed by seed, so that a budget leaves out seeds."""
    return [
        Cell(part, method, seed, setup) for part in PARTS for seed in seeds for method in methods
    ]
