"""Tables as CSV files in which nothing that came from a model is taken for a formula."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.printable import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMULA_STARTS", "write_table"]

_NUMBERS = (int, float, np.number, np.bool_)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_table(table: pd.DataFrame | Mapping[str, Any], path: Path) -> None:
    """Write columns, lists or arrays by name.

    Text is quoted and numbers are not. None and numbers that are not finite become empty cells.
    Several values in a cell are separated by blanks.
    """
    cells = [_cells(column) for _, column in table.items()]
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator=os.linesep)
        rows.writerow(list(table))
        rows.writerows(zip(*cells, strict=True))


def _cells(column: Any) -> list[Any]:
    """The cells of a column: numbers as they are, or text."""
    values = column if isinstance(column, list) else _values(np.asarray(column))
    if all(value is None or isinstance(value, _NUMBERS) for value in values):
        return ["" if value is None or not math.isfinite(value) else value for value in values]
    return ["" if value is None else _quoted(value) for value in values]


def _values(array: NDArray[Any]) -> list[Any]:
    """Values of Python; those of single precision stay, as they are written with fewer digits."""
    single = array.dtype.kind == "f" and array.itemsize < np.dtype(float).itemsize
    return list(array) if single else array.tolist()


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else " ".join(map(str, value))  # type: ignore[call-overload]
    text = printable(text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
