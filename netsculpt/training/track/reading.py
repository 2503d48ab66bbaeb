"""Networks of a folder of checkpoints, in the order of their steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.graph.graph import NetGraph
from netsculpt.loading import load, load_into
from netsculpt.nets.copies import copy_of
from netsculpt.tracing import trace
from netsculpt.training.track.recorder import step_files

__all__ = ["graphs_of", "numbered"]


def graphs_of(
    folder: str | PathLike[str], net: nn.Module | None = None, example: Any = None
) -> Iterator[tuple[int, NetGraph]]:
    """Yield (step, network) of a folder that `Recorder` writes, for `follow`.

    Parameters
    ----------
    folder
        The folder.
    net, example
        The net that was trained, or one like it, and an input, if it is not a chain of layers:
        weights of every step are loaded into a copy and traced. Masks are those of the files.

    Raises
    ------
    FormatError
        If the folder holds no step.
    TopologyError
        If no net is given and its weights do not say how they are connected.

    Examples
    --------
    >>> import tempfile, torch
    >>> from netsculpt.training.track.recorder import Recorder
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> recorder = Recorder(net, tempfile.mkdtemp())
    >>> [(step, graph.n_units) for step, graph in graphs_of(recorder.folder)]
    [(0, 6)]
    """
    files = step_files(Path(folder))
    if not files:
        raise FormatError(f"{folder} holds no step of a recorder: write some, or name its folder")
    for step, path in files.items():
        if net is None:
            yield step, _chain(path)
        else:
            fresh = copy_of(net)
            load_into(fresh, path)
            yield step, trace(fresh, example)


def _chain(path: Path) -> NetGraph:
    try:
        return load(path)
    except TopologyError as error:
        raise TopologyError(
            f"{error}. Here: graphs_of(folder, net, example), with the net and one of its inputs"
        ) from None


def numbered(paths: Sequence[Path]) -> list[int]:
    """The step of each file: the last number in its name, if these rise; else its place.

    >>> numbered([Path("epoch9-0.pt"), Path("epoch10-0.pt")])
    [0, 1]
    >>> numbered([Path("step-005.pt"), Path("step-010.pt")])
    [5, 10]
    """
    found = [re.findall("[0-9]+", path.stem) for path in paths]
    if all(found):
        numbers = [int(each[-1]) for each in found]
        if all(a < b for a, b in pairwise(numbers)):
            return numbers
    return list(range(len(paths)))
