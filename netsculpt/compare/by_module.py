"""Results of M modules and F functions: as a table, and the best module for each function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["best_modules", "module_table"]

Floats = NDArray[np.float64]


def module_table(
    sizes: NDArray[np.int64], functions: Sequence[str], columns: Mapping[str, NDArray[Any]]
) -> pd.DataFrame:
    """One row per module and function.

    Parameters
    ----------
    sizes
        Units of each module [M].
    functions
        Names [F].
    columns
        Values [M, F] by the name of their column.
    """
    import pandas as pd

    modules, names = np.indices((len(sizes), len(functions))).reshape(2, -1)
    return pd.DataFrame(
        {
            "module": modules,
            "n_units": sizes[modules],
            "function": np.array(functions, dtype=object)[names],
            **{name: np.ravel(values) for name, values in columns.items()},
        }
    )


def best_modules(functions: Sequence[str], scores: Floats) -> Iterator[tuple[str, int, int]]:
    """Name, module and place of each function with the module that scores most [M, F].

    Functions for which all modules have NaN are left out.

    >>> list(best_modules(["f", "g"], np.array([[0.5, np.nan], [0.75, np.nan]])))
    [('f', 1, 0)]
    """
    for place, name in enumerate(functions):
        if not np.isnan(scores[:, place]).all():
            yield name, int(np.nanargmax(scores[:, place])), place
