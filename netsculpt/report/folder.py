"""The output folder: tables, graph, figures, summary and manifest."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsculpt.graph.npz import save
from netsculpt.report.figures import write_figures
from netsculpt.report.summary import summary_json

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.pipeline import Analysis, Progress
    from netsculpt.tracing import Fidelity

__all__ = ["manifest", "write_folder"]

PACKAGES = ("netsculpt", "numpy", "scipy", "igraph", "leidenalg", "numba", "scikit-learn", "torch")
STAGE = "writing tables and graph"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_folder(
    found: Analysis,
    folder: Path,
    arguments: Mapping[str, Any],
    *,
    fidelity: Fidelity | None = None,
    progress: Progress | None = None,
) -> None:
    """Write summary.json, units.csv, modules.csv, graph.npz, manifest.json and figures/.

    File names are fixed: no name from the model becomes one. The manifest is written last, so a
    folder that has one is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    if progress is not None:
        progress(STAGE, 0, 1)
    (folder / "summary.json").write_text(
        summary_json(found, fidelity=fidelity) + "\n", encoding="utf-8"
    )
    _write_table(found.units(), folder / "units.csv")
    _write_table(found.modules(), folder / "modules.csv")
    save(found.graph, folder / "graph.npz")
    if progress is not None:
        progress(STAGE, 1, 1)
    write_figures(
        found, folder / "figures", arguments["figures"], arguments["width"], progress=progress
    )
    text = json.dumps(manifest(found, arguments), indent=2)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def manifest(found: Analysis, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What it takes to make the folder again: versions, seed, input hashes, arguments."""
    return {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": dict(arguments),
        "seed": found.seed,
        "inputs": [step.input_hash for step in found.graph.provenance if step.input_hash],
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """CSV in which no cell that came from a file can be taken for a formula."""
    safe = table.replace(
        [float("inf"), float("-inf")], float("nan")
    )  # an empty cell, as null in JSON
    for column in safe.columns:
        if safe[column].dtype.kind not in "biuf":
            safe[column] = [_quoted(value) for value in safe[column]]
    safe.to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC, errors="backslashreplace")


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else " ".join(map(str, value))  # type: ignore[call-overload]
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
