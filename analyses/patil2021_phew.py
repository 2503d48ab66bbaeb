"""PHEW among the pruners: digits, accuracy and graph against density.

Patil and Dovrolis, "PHEW: Constructing Sparse Networks that Learn Fast and Generalize Well
Without Training Data", ICML 2021, arXiv:2010.11354.

    python analyses/patil2021_phew.py -o OUT --budget-minutes 10

A perceptron with three hidden layers of 128 units and He's initial weights is pruned by every
method, measured as a graph and trained on scikit-learn's digits, from the weights as drawn and from
weights corrected for the remaining inputs of each unit. A seed decides which samples are held out,
the weights, the masks and the training order; methods share it. Accuracy is that of the last epoch
on held-out samples: no epoch is chosen by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from at_initialisation.cells import DENSE, Cell
from at_initialisation.pruned import CORRECTED, NONE, PLAIN
from at_initialisation.study import Config, Part
from at_initialisation.study import study as at_initialisation
from at_initialisation.tables import tables_of, with_interval

from netsculpt.cli.study import run_study
from netsculpt.studies.study import Study

METHODS = (
    "random uniform",
    "random erk",
    "magnitude",
    "snip",
    "grasp",
    "synflow",
    "synflow_l2",
    "phew",
)
FULL = Config(
    (
        Part("mlp", (0.2, 0.1, 0.05, 0.02, 0.01), (0.05, 0.02)),
        Part("mlp-adam", (0.05, 0.02), n_seeds=3),
    ),
    METHODS,
)
QUICK = Config(
    (Part("mlp", (0.05, 0.02), (0.05,), n_seeds=2, epochs=2),),
    ("random erk", "synflow", "phew"),
)
_DATA = {"snip", "grasp"}  # scores that need samples
_PROTOCOLS = {  # title: baseline, initialisation
    "as drawn": (NONE, PLAIN),
    "corrected": (NONE, CORRECTED),
    "redrawn, corrected": ("reinitialised", CORRECTED),
}
_DENSITY = 0.05
_SHOWN = {  # title: measure at that density
    "weights on a path": "effective_weights",
    "log10 paths": "log10_paths",
    "log10 kernel trace": "log10_kernel_trace",
    "Δr": "ramanujan",
    "singular value": "singular_mean",
}
_SHOWN_TABLES = ("accuracies", "properties", "protocols", "expected", "agreement")
_LIVE = "live"
_EXPECTED = (  # method, density, measure, lowest and highest known value
    ("phew", 0.05, _LIVE, 124, 128),
    ("synflow", 0.05, _LIVE, 28, 66),
    ("random uniform", 0.02, "accuracy", 0, 0.2),
    ("random erk", 0.02, "accuracy", 0, 0.2),
    ("synflow", 0.02, "accuracy", 0.9, 1),
    ("grasp", 0.02, "accuracy", 0.9, 1),
)


def study(config: Config) -> Study[Cell]:
    """The study of digits."""
    documents = ("accuracies", "properties", "protocols")
    return at_initialisation("patil2021_phew", config, tables, documents=documents)


def tables(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables of every study of pruning at initialisation, and those of this one."""
    common = tables_of(frames)
    table, live, cut_off = common["means"], common["live"], common["cut_off"]
    return {
        **common,
        "expected": expected(table, live),
        "properties": properties(table, live, cut_off),
        "protocols": protocols(table),
    }


def expected(table: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """Known properties of the methods, and the same measured here, from weights as drawn.

    Live units are those of each hidden layer of 128.
    """
    table = table[table["initialisation"] == PLAIN]
    rows: list[dict[str, Any]] = []
    hidden = layers[layers["role"] == "hidden"]
    for method, density, measure, low, high in _EXPECTED:
        measured = _at(hidden if measure == _LIVE else table, method, density)
        rows += [
            {
                "net": row["net"],
                "method": method,
                "density": density,
                "measure": f"{measure} {row.get('layer', '')}".strip(),
                "known": f"{low} … {high}",
                "found": row[measure],
                "half": row[f"{measure}_half"],
                "as known": low <= row[measure] <= high,
            }
            for row in measured.to_dict("records")
        ]
    return pd.DataFrame(rows)


def properties(table: pd.DataFrame, layers: pd.DataFrame, cut: pd.DataFrame) -> pd.DataFrame:
    """Methods × properties of the pruned perceptron, mean ± half a 95 % t-interval."""
    plain = table[(table["net"] == "mlp") & (table["initialisation"] == PLAIN)]
    hidden = layers[(layers["net"] == "mlp") & (layers["role"] == "hidden")]
    rows = []
    for method in _methods(table):
        live = _at(hidden, method, _DENSITY)["live"]
        row = {
            "method": method,
            "samples": "needed" if method in _DATA else "–",
            "live hidden units": " / ".join(f"{x:.0f}" for x in live),
        }
        for title, measure in _SHOWN.items():
            row[title] = with_interval(_at(plain, method, _DENSITY), measure, 2).iloc[0]
        own = cut[(cut["net"] == "mlp") & (cut["method"] == method)]
        least = own.sort_values("asked").iloc[0]
        row[f"no path at {least['asked']:.0%}"] = f"{least['no_path']} of {least['masks']}"
        row[f"an output cut at {least['asked']:.0%}"] = (
            f"{least['some_output_cut']} of {least['masks']}"
        )
        rows.append(row)
    return pd.DataFrame(rows)


def protocols(table: pd.DataFrame) -> pd.DataFrame:
    """Methods × initial weights: accuracy of the perceptron, mean ± half a 95 % t-interval."""
    own = table[table["net"] == "mlp"]
    rows = []
    for method in _methods(table):
        row = {"method": method}
        for density in (0.05, 0.02):
            for title, (baseline, start) in _PROTOCOLS.items():
                cell = _at(own[own["initialisation"] == start], method, density, baseline)
                texts = with_interval(cell, "accuracy").to_list()
                row[f"{density:.0%}, {title}"] = texts[0] if texts else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def _methods(table: pd.DataFrame) -> list[str]:
    return [method for method in dict.fromkeys(table["method"]) if method != DENSE]


def _at(table: pd.DataFrame, method: str, density: float, baseline: str = NONE) -> pd.DataFrame:
    """Rows of a method at a density."""
    own = (table["method"] == method) & (table["asked"] == density)
    return table[own & (table["baseline"] == baseline)]


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what is read first."""
    for name in _SHOWN_TABLES:
        print(tables[name].to_string(index=False), end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=FULL, quick=QUICK, show=show)
