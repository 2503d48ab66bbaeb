"""Cells of the study from scratch: one per task and architecture, important ones first."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.retraining import SCULPTING
from patil2023.paper import USES, WIDTHS

__all__ = ["GRIDS", "STUDIES", "Cell", "Grid", "cells"]

_SETTINGS = Path(__file__).with_name("settings.csv")  # how each published network was trained

_EXEMPLARS = "exemplars-"
_OVERLAP = "input_overlap_exp-"
_REUSE = "non_separable_increasing_use-"
_LEVELS = "increasing_hierarchical_levels-"

_KNOWN_USES = (1, 4)  # uses with published networks, and so with known settings

_DIGITS = {"two-digits-separate": 20, "two-digits-sum": 3}  # task: outputs
_OF_DIGITS = replace(SCULPTING, epochs=5, batch_size=64, learning_rate=0.005)
_OF_DIGITS_WIDTH = 48
_LOST = 0.01


@dataclass(frozen=True)
class Grid:
    """Gradients that are searched for the sparsest network of a seed."""

    unit_gradients: tuple[float, ...]  # percent of the hidden units per step
    edge_gradients: tuple[float, ...]  # percent of the weights per step


GRIDS = {  # large steps first: the first of equally sparse networks is taken
    "published": Grid(tuple(float(x) for x in range(70, 0, -5)), (2.5, 2.0, 1.5, 1.0, 0.5)),
    "reduced": Grid((70.0, 55.0, 40.0, 25.0, 10.0), (2.5, 1.0)),
    "smallest": Grid((70.0, 25.0), (2.5,)),
}


@dataclass(frozen=True)
class Cell:
    """One task on one architecture, with all that its networks depend on."""

    study: str  # one of STUDIES
    experiment: str  # the authors' name of it
    task: str  # netsculpt's name
    published_task: tuple[int, ...]  # the authors' name; () where there is none
    widths: tuple[int, ...]
    settings: Recipe
    settings_from: str = "published"
    prunes_units: bool = True  # False: edges only
    margin: float = 0.0  # accuracy that pruning may lose; with 0 every answer must be right
    grid: Grid = GRIDS["published"]
    n_seeds: int = 10  # the first whose dense net reaches the goal
    n_pairs: int = 0  # of digits, to train on
    idx: tuple[str, str] | None = None  # files of images and labels instead of the package's digits

    @property
    def arch(self) -> str:
        """Units of each layer."""
        return "-".join(map(str, self.widths))

    @property
    def name(self) -> str:
        """Experiment, architecture and a hash of all fields."""
        content = json.dumps(asdict(self), sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return f"{self.experiment}/{self.arch}-{digest}"


def cells(studies: Iterable[str]) -> list[Cell]:
    """Cells of the studies, one study after the other.

    In a study, all rows and columns of its table with one architecture precede those with the next,
    so that a budget leaves out architectures, not rows.
    """
    return [cell for study in studies for cell in sorted(STUDIES[study](), key=_size)]


def _size(cell: Cell) -> tuple[int, int]:
    return cell.widths[1], len(cell.widths)


def _exemplars() -> Iterator[Cell]:
    yield from (x for x in _published("exemplars", _EXEMPLARS) if x.widths[1] in WIDTHS)


def _structure() -> Iterator[Cell]:
    """Two hidden layers of many widths; the same pruned by edges only."""
    for cell in _published("structure", _EXEMPLARS):
        if len(cell.widths) == 4 and (cell.task == "reused" or cell.widths[1] == WIDTHS[0]):
            yield replace(cell, prunes_units=False)
            if cell.widths[1] not in WIDTHS:
                yield cell


def _overlap() -> Iterator[Cell]:
    yield from _published("overlap", _OVERLAP)


def _reuse() -> Iterator[Cell]:
    yield from _published("reuse", _REUSE)


def _levels() -> Iterator[Cell]:
    yield from _published("levels", _LEVELS)


def _digits() -> Iterator[Cell]:
    for task, n_outputs in _DIGITS.items():
        widths = (128, _OF_DIGITS_WIDTH, _OF_DIGITS_WIDTH, n_outputs)
        yield Cell("digits", task, task, (), widths, _OF_DIGITS, "chosen here", margin=_LOST)


def _other_uses() -> Iterator[Cell]:
    """The paper's other columns, trained as for four uses."""
    for known in (*_overlap(), *_reuse()):
        if not known.task.endswith("use-4"):
            continue
        for use in USES:
            is_exemplar = use == USES[-1] and known.experiment.startswith(_REUSE)
            if use not in _KNOWN_USES and not is_exemplar:
                yield replace(
                    known,
                    study="other uses",
                    experiment=f"{known.experiment[:-1]}{use}",
                    task=f"{known.task[:-1]}{use}",
                    published_task=(*known.published_task[:-1], 2 * use),
                    widths=(*known.widths[:-1], 2 * use),
                    settings_from="4 uses",
                )


STUDIES: Mapping[str, Callable[[], Iterator[Cell]]] = {
    "exemplars": _exemplars,
    "structure": _structure,
    "overlap": _overlap,
    "reuse": _reuse,
    "digits": _digits,
    "levels": _levels,
    "other uses": _other_uses,
}


def _published(study: str, prefix: str) -> Iterator[Cell]:
    with _SETTINGS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["experiment"].startswith(prefix):
                yield Cell(
                    study,
                    row["experiment"],
                    row["task"],
                    _numbers(row["published_task"]),
                    _numbers(row["arch"]),
                    replace(
                        SCULPTING,
                        epochs=int(row["epochs"]),
                        batch_size=int(row["batch_size"]),
                        learning_rate=float(row["learning_rate"]),
                    ),
                )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("-")))
