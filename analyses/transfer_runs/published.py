"""The raw runs that Iofinova et al. published, and the figures that are known from them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from netsculpt.compare.error_increase import relative_error_increase
from netsculpt.core.errors import FormatError

__all__ = ["KNOWN", "PublishedFile", "published_files", "published_increases", "published_rows"]

_FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "linear_transfer_results.txt": ("ResNet-50", "linear"),
        "full_transfer_results.txt": ("ResNet-50", "full"),
        "linear_mobilenet_transfer_results.txt": ("MobileNetV1", "linear"),
        "full_mobilenet_transfer_results.txt": ("MobileNetV1", "full"),
    }
)
_COLUMNS = ["dset", "model", "sparsity", "seed", "val_acc"]
_DENSE, _LARGEST = "Dense", 1 << 24  # bytes

# Mean relative error increase over the 12 data sets, in percent, by sparsity in percent: tabulated
# before from the same files, by other code.
KNOWN: Mapping[tuple[str, str, str], Mapping[int, float]] = MappingProxyType(
    {
        ("ResNet-50", "linear", "AC/DC"): {80: -3.19, 90: -2.00, 95: 1.66},
        ("ResNet-50", "linear", "STR"): {80: -0.92, 90: 3.53, 95: 13.57, 98: 38.07},
        ("ResNet-50", "linear", "RigL ERK 5x"): {80: 0.81, 90: 0.20, 95: 3.61},
        ("ResNet-50", "linear", "RigL ERK 1x"): {80: 2.81, 90: 7.11, 95: 14.31},
        ("ResNet-50", "linear", "WoodFisher"): {80: 15.31, 90: 14.04, 95: 16.94},
        ("ResNet-50", "linear", "LTH-T"): {80: 79.40, 90: 220.63, 95: 401.56},
        ("ResNet-50", "full", "AC/DC"): {80: 7.69, 90: 12.01, 95: 21.32},
        ("ResNet-50", "full", "STR"): {80: 20.13, 90: 26.61, 95: 41.66, 98: 81.40},
        ("ResNet-50", "full", "RigL ERK 5x"): {80: 20.93, 90: 20.92, 95: 27.31},
        ("ResNet-50", "full", "RigL ERK 1x"): {80: 22.43, 90: 32.28, 95: 41.86},
        ("ResNet-50", "full", "WoodFisher"): {80: 0.66, 90: 4.03, 95: 13.38},
        ("ResNet-50", "full", "LTH-T"): {80: 9.34, 90: 36.80, 95: 110.36},
        ("MobileNetV1", "linear", "AC/DC"): {30: 1.11, 40: 1.77, 50: 1.86, 75: 2.68, 90: 10.16},
        ("MobileNetV1", "linear", "M-FAC"): {75: 4.22, 89: 10.92},
        ("MobileNetV1", "linear", "STR"): {75: 11.49, 90: 24.36},
        ("MobileNetV1", "full", "AC/DC"): {30: 3.22, 40: 3.09, 50: 4.33, 75: 11.31, 90: 22.74},
        ("MobileNetV1", "full", "M-FAC"): {75: 19.88, 89: 36.15},
        ("MobileNetV1", "full", "STR"): {75: 33.22, 90: 44.95},
    }
)


@dataclass(frozen=True)
class PublishedFile:
    """One of the four files; what is in it decides the rows, not where it is."""

    path: str
    sha256: str
    net: str
    mode: str


def published_files(folder: Path) -> list[PublishedFile]:
    """The files of a folder, which has to have all four."""
    found = []
    for name, (net, mode) in _FILES.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise FormatError(
                f"there is no {path}, or it is too large: give the folder raw_results of "
                "github.com/IST-DASLab/sparse-imagenet-transfer"
            )
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append(PublishedFile(str(path), content, net, mode))
    return found


def published_rows(file: PublishedFile) -> dict[str, list[dict[str, Any]]]:
    """A row of "published_runs" for every run of a file."""
    rows = []
    with Path(file.path).open(newline="", encoding="utf-8") as text:
        lines = csv.reader(text)
        head = next(lines, [])
        if head[: len(_COLUMNS)] != _COLUMNS:
            raise FormatError(f"{file.path} has the columns {head}: {_COLUMNS} are needed")
        for line in lines:
            target, method, sparsity, seed, accuracy = line[: len(_COLUMNS)]
            run = {"target": target, "method": method, "sparsity": round(100 * float(sparsity))}
            about = {"net": file.net, "mode": file.mode}
            rows.append({**about, **run, "seed": seed, "accuracy": float(accuracy)})
    return {"published_runs": rows}


def published_increases(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Mean and median increases, those of each data set, and what the files are like.

    `difference` is to `KNOWN`, in percent. No intervals: seeds vary the transfer of one checkpoint
    per method and sparsity, and those of full sparse and dense runs differ.
    """
    rows, by_target, files = list[dict[str, Any]](), list[pd.DataFrame](), []
    for (net, mode), part in runs.groupby(["net", "mode"], sort=False):
        dense = _accuracies(part[part["method"] == _DENSE])
        repeated = part.duplicated(["target", "method", "sparsity", "seed"]).sum()
        about: dict[str, Any] = {"net": net, "mode": mode}
        files.append({**about, "runs": len(part), "repeated seeds": int(repeated)})
        for key, own in part[part["method"] != _DENSE].groupby(["method", "sparsity"]):
            method, sparsity = str(key[0]), int(str(key[1]))
            found = relative_error_increase(_accuracies(own), dense, n_draws=0)
            known = KNOWN.get((str(net), str(mode), method), {}).get(sparsity, np.nan)
            row = {**about, "method": method, "sparsity": sparsity}
            table = found.table().drop(columns=["low", "high"])
            by_target.append(table.assign(**row))
            row |= {"mean": round(100 * found.mean, 2), "median": round(100 * found.median, 2)}
            row |= {"targets": len(found.targets), "known": known}
            rows.append({**row, "difference": round(100 * found.mean - known, 2) + 0.0})
    return {
        "published": pd.DataFrame(rows),
        "published_targets": pd.concat(by_target, ignore_index=True),
        "published_files": pd.DataFrame(files),
    }


def _accuracies(runs: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    return {str(target): part["accuracy"].to_numpy() for target, part in runs.groupby("target")}
