"""Success rates as the paper reports them."""

from __future__ import annotations

import pandas as pd

__all__ = ["USES", "WIDTHS", "carrying_units_in_paper", "rates_in_paper"]

USES = (1, 2, 4, 6, 8)  # outputs per output function
WIDTHS = (24, 36, 48)  # of the hidden layers in every success rate

_Rates = dict[str, tuple[float, ...]]  # row → one rate per column

_INPUTS: _Rates = {
    "0 shared inputs": (1.00, 1.00, 1.00, 1.00, 1.00),
    "1 shared input": (0.97, 1.00, 1.00, 1.00, 1.00),
    "2 shared inputs": (0.92, 1.00, 1.00, 1.00, 1.00),
    "3 shared inputs": (0.64, 0.72, 0.78, 0.89, 0.86),
    "4 shared inputs": (0.94, 0.94, 1.00, 1.00, 0.89),
}
_OUTPUTS: _Rates = {
    "3 shared inputs": (0.58, 0.58, 0.69, 0.67, 0.72),
    "4 shared inputs": (0.25, 0.31, 0.44, 0.53, 0.61),
}
_REUSED: _Rates = {
    "1 hidden layer": (0.00, 0.00, 0.00, 0.00, 0.00),
    "2 hidden layers": (0.58, 0.92, 1.00, 1.00, 1.00),
    "3 hidden layers": (0.67, 0.75, 0.83, 0.83, 0.92),
}
_RANGES = {  # where the paper's figure gives bounds only
    ("output sub-function", "0 shared inputs"): (1.00, 1.00),
    ("output sub-function", "1 shared input"): (1.00, 1.00),
    ("output sub-function", "2 shared inputs"): (0.97, 1.00),
    ("hidden-unit separability", "0 shared inputs"): (1.00, 1.00),
    ("hidden-unit separability", "1 shared input"): (1.00, 1.00),
    ("hidden-unit separability", "2 shared inputs"): (1.00, 1.00),
    ("hidden-unit separability", "3 shared inputs"): (0.00, 0.06),
    ("hidden-unit separability", "4 shared inputs"): (0.00, 0.17),
}
_EXEMPLARS: _Rates = {  # by number of hidden layers
    "input separable": (1.00, 1.00, 1.00),
    "input separable and reused": (1.00, 1.00, 1.00),
    "non-modular": (1.00, 1.00, 1.00),
    "reused": (0.00, 1.00, 0.92),
}
_CARRYING = {  # width: hidden units that make 90 % of the weight to the outputs, by hidden layer
    8: (2.75, 2.0),
    12: (3.0, 2.0),
    16: (2.75, 2.0),
    20: (3.0, 2.0),
    24: (3.0, 2.0),
    36: (3.0, 2.0),
    48: (3.0, 2.0),
}


def rates_in_paper() -> pd.DataFrame:
    """One row per cell: measure, row, column, and the bounds low and high of the rate."""
    exact: list[tuple[str, _Rates, tuple[int, ...]]] = [
        ("input separability", _INPUTS, USES),
        ("output sub-function", _OUTPUTS, USES),
        ("reused sub-function", _REUSED, USES),
        ("exemplars", _EXEMPLARS, (1, 2, 3)),
    ]
    cells = [
        (measure, row, column, rate, rate)
        for measure, rates, columns in exact
        for row, values in rates.items()
        for column, rate in zip(columns, values, strict=True)
    ]
    cells += [(*cell, use, *bounds) for cell, bounds in _RANGES.items() for use in USES]
    return pd.DataFrame(cells, columns=["measure", "row", "column", "low", "high"])


def carrying_units_in_paper() -> pd.DataFrame:
    """Mean number of units of the 'reused' exemplar with two hidden layers, by width and layer."""
    cells = [
        (width, layer, mean)
        for width, means in _CARRYING.items()
        for layer, mean in enumerate(means, start=1)
    ]
    return pd.DataFrame(cells, columns=["width", "hidden_layer", "paper"])
