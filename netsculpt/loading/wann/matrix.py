"""The tables of numbers in which weight agnostic networks are stored."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import is_number
from netsculpt.files.words import shown
from netsculpt.graph.activations import WANN_ACTIVATIONS

__all__ = ["WannMatrix", "matrix_of", "weights_of"]


@dataclass(frozen=True, eq=False)
class WannMatrix:
    """A network of U units in the order of its file: bias, inputs, hidden units, outputs."""

    sources: NDArray[np.int64]  # [entries] in row-major order
    targets: NDArray[np.int64]  # [entries]
    enabled: NDArray[np.bool_]  # [entries] whether each is an edge: NaN is a disabled connection
    activation: tuple[str, ...]  # [U]

    @property
    def n_units(self) -> int:
        """U."""
        return len(self.activation)


def matrix_of(text: str, where: str) -> WannMatrix:
    """The network in a table of U rows: U weights of leaving connections, then an activation id.

    Of the weights only is read which are 0 (nothing), NaN (disabled), or another number (an edge).

    Raises
    ------
    FormatError
        If the table does not have that form, or a connection does not lead to a later unit.
    """
    rows = [line for line in text.splitlines() if line.strip()]
    n_units = len(rows)
    sources, targets, disabled, names = [], [], [], []
    for row, line in enumerate(rows):
        values = _numbers(line, row, n_units, where)
        found = np.flatnonzero(values[:-1])  # NaN is not 0
        if found.size and found[0] <= row:
            raise FormatError(
                f"{where}: unit {row} feeds unit {found[0]}, itself or one before it: units in "
                "topological order are needed (bias, inputs, hidden units, outputs), so that the "
                "matrix is strictly upper triangular. Sort them, or unroll a recurrent network"
            )
        sources.append(np.full(found.size, row))
        targets.append(found)
        disabled.append(np.isnan(values[found]))
        names.append(_activation(values[-1], row, where))
    return WannMatrix(
        np.concatenate(sources).astype(np.int64),
        np.concatenate(targets).astype(np.int64),
        ~np.concatenate(disabled),
        tuple(names),
    )


def weights_of(text: bytes, where: str) -> NDArray[np.float64]:
    """The weights in a JSON list of them and of scores: [[weight, …], score, …].

    Raises
    ------
    FormatError
        If it is another list, or a weight is not a finite number.
    """
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    good = isinstance(content, list) and len(content) > 1 and isinstance(content[0], list)
    if not good or not content[0] or not all(map(is_number, (*content[0], *content[1:]))):
        raise FormatError(
            f"{where} is not [[weight, …], score, …] in JSON, all finite numbers, as the weights "
            "of a weight agnostic network are stored: fetch it again"
        )
    return np.array([float(x) for x in content[0]])


def _numbers(line: str, row: int, n_units: int, where: str) -> NDArray[np.float64]:
    fields = line.split(",")
    if len(fields) != n_units + 1:
        raise FormatError(
            f"{where} is a table of {n_units} rows of numbers, of which row {row} has "
            f"{len(fields)}: a weight agnostic network needs as many rows as units, each with a "
            f"weight per unit and an activation id ({n_units + 1} numbers)"
        )
    try:
        values = np.array([float(x) for x in fields])
    except ValueError as error:
        raise FormatError(
            f"{where}: row {row} has something that is not a number ({shown(str(error))}): write "
            "or fetch it again"
        ) from None
    if np.isinf(values).any():
        raise FormatError(
            f"{where}: row {row} has an infinite number: a weight, 0 or NaN is needed; write or "
            "fetch it again"
        )
    return values


def _activation(number: float, row: int, where: str) -> str:
    if math.isnan(number) or number not in range(1, len(WANN_ACTIVATIONS) + 1):
        names = ", ".join(f"{i} {name}" for i, name in enumerate(WANN_ACTIVATIONS, start=1))
        raise FormatError(
            f"{where}: unit {row} has activation {number:g} in the last column: one of {names} is "
            "needed"
        )
    return WANN_ACTIVATIONS[int(number) - 1]
