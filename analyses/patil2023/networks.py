"""Networks in a folder: one with an index, or a clone of the authors' repository."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError

__all__ = ["INDEX", "Network", "find_networks"]

INDEX = "index.json"


@dataclass(frozen=True)
class Network:
    """One sculpted network and its settings."""

    id: str
    experiment: str
    task: tuple[int, ...]
    arch: tuple[int, ...]  # units per layer
    seed: int
    weights: Path
    masks: Path
    modules: tuple[int, ...] | None  # published module of each live unit, where known
    first_listed: bool  # of its task, architecture and seed


def find_networks(folder: Path) -> tuple[list[Network], int]:
    """Networks in the order in which they are listed, and the number of those without files.

    A folder has either an index.json, or the ``shell/`` and ``results/`` of the authors'
    repository.
    """
    if (folder / INDEX).is_file():
        listed = list(_of_index(folder))
    elif (folder / "shell").is_dir():
        listed = list(_of_repository(folder))
    else:
        raise FormatError(
            f"{folder} has no {INDEX} and no shell/: a folder of published networks with its "
            "index, or a clone of the authors' repository is needed"
        )
    complete = [row for row in listed if row["weights"].is_file() and row["masks"].is_file()]
    return list(_networks(complete)), len(listed) - len(complete)


def _networks(rows: Iterable[dict[str, Any]]) -> Iterator[Network]:
    seen = set()
    for row in rows:
        run = row["task"], row["arch"], row["seed"]
        yield Network(**row, first_listed=run not in seen)
        seen.add(run)


def _of_index(folder: Path) -> Iterator[dict[str, Any]]:
    for row in json.loads((folder / INDEX).read_text(encoding="utf-8")):
        yield {
            "id": row["id"],
            "experiment": row["experiment"],
            "task": tuple(row["task"]),
            "arch": tuple(row["arch"]),
            "seed": row["seed"],
            "weights": folder / f"{row['id']}.pth",
            "masks": folder / f"{row['id']}.mask.pkl",
            "modules": tuple(row["modules"]),
        }


def _of_repository(folder: Path) -> Iterator[dict[str, Any]]:
    """Runs of module detection in shell/<study>/<experiment>.sh, one per line."""
    for script in sorted(folder.glob("shell/*/*.sh")):
        for line in script.read_text(encoding="utf-8").splitlines():
            words = shlex.split(line, comments=True)
            if words and "--modularity" in words:
                options = _options(words)
                if options["task"] == ["boolean"]:
                    yield _run(folder, f"{script.parent.name}-{script.stem}", options)


def _options(words: list[str]) -> dict[str, list[str]]:
    """Values of each --option."""
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word[2:], [])
        elif options:
            values.append(word)
    return options


def _run(folder: Path, experiment: str, options: dict[str, list[str]]) -> dict[str, Any]:
    """The run's files: results/…/[task]/Models|Masks/[arch]/<all settings in one word>."""
    only = {name: values[0] for name, values in options.items() if len(values) == 1}
    task, arch = ([int(n) for n in options[name]] for name in ("modularity", "arch"))
    settings = (
        f"{float(only['lr'])}{only['batch_size']}{only['epochs']}"
        f"{float(only['unit_pruning_gradient'])}{float(only['pruning_gradient'])}None1.0"
    )
    stem = f"pruneactivation_gradient_productboolean{settings}"
    results = folder / only["result_path"] / str(task)
    width = "-".join(map(str, arch))
    steps = f"u{float(only['unit_pruning_gradient']):g}-e{float(only['pruning_gradient']):g}"
    return {
        "id": f"{experiment}/{task[-1]}/{width}-seed{only['seed']}-{steps}",
        "experiment": experiment,
        "task": tuple(task),
        "arch": tuple(arch),
        "seed": int(only["seed"]),
        "weights": results / "Models" / str(arch) / f"{stem}_Model{only['seed']}.pth",
        "masks": results / "Masks" / str(arch) / f"{stem}_Mask{only['seed']}.pkl",
        "modules": None,
    }
