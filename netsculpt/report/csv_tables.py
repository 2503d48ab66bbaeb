"""Tables as CSV files in which nothing that came from a model is taken for a formula."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt.core.printable import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMULA_STARTS", "write_table"]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the columns of a table; infinite numbers become empty cells, as null in JSON."""
    safe = table.replace([float("inf"), float("-inf")], float("nan"))
    for column in safe.columns:
        if safe[column].dtype.kind not in "biuf":
            safe[column] = [_quoted(value) for value in safe[column]]
    safe.to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC, errors="backslashreplace")


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else " ".join(map(str, value))  # type: ignore[call-overload]
    text = printable(text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
