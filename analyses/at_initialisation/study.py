"""A study of pruning at initialisation: nets, methods, densities and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from at_initialisation.cells import METHODS, NETS, Cell, cells
from at_initialisation.measured import MEASURES
from at_initialisation.pruned import BASELINES, pruned_and_trained
from netsculpt.studies.study import Study

__all__ = ["Config", "Part", "study"]


@dataclass(frozen=True)
class Part:
    """What is run with one net."""

    net: str
    densities: tuple[float, ...]
    baseline_densities: tuple[float, ...] = ()
    n_seeds: int = 5
    epochs: int | None = None  # None: those of the net's recipe


@dataclass(frozen=True)
class Config:
    """What to prune and train."""

    parts: tuple[Part, ...]
    methods: tuple[str, ...]
    baselines: tuple[str, ...] = BASELINES
    n_seeds: int | None = None  # None: those of each part


def study(
    name: str,
    config: Config,
    tables: Callable[[Mapping[str, pd.DataFrame]], Mapping[str, pd.DataFrame]],
    *,
    documents: tuple[str, ...],
) -> Study[Cell]:
    """The cells of all nets, seed by seed, so that a budget leaves out seeds."""
    chosen = [
        cell
        for part in config.parts
        for cell in cells(
            part.net,
            methods=config.methods,
            densities=part.densities,
            baselines=config.baselines,
            baseline_densities=part.baseline_densities,
            seeds=range(config.n_seeds or part.n_seeds),
            epochs=part.epochs,
        )
    ]
    chosen.sort(key=lambda cell: cell.seed)
    about = {
        "arguments": asdict(config),
        "nets": {part.net: _described(part.net) for part in config.parts},
        "methods": {method: asdict(METHODS[method]) for method in config.methods},
        "measures": dict(MEASURES),
    }
    return Study(name, chosen, pruned_and_trained, tables, documents, about)


def _described(net: str) -> dict[str, Any]:
    setup = NETS[net]
    return {"spec": setup.spec.spec, "task": setup.task, "recipe": asdict(setup.recipe)}
