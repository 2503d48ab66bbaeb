"""One table of several analysed models."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsculpt.core.catalog import names as names_of
from netsculpt.core.errors import FormatError
from netsculpt.core.folders import MANIFEST, is_interrupted, read_manifest, replaced_folder
from netsculpt.core.manifest import write_manifest
from netsculpt.core.writing import write_json
from netsculpt.report.csv_tables import write_table
from netsculpt.report.folder import MAKER, whole_manifest
from netsculpt.report.html.contents import NAME
from netsculpt.report.html.models.contents import MODELS, ModelsContents, pages_in
from netsculpt.report.html.models.contents import SCHEMA as MODELS_SCHEMA
from netsculpt.report.summary import SCHEMA

if TYPE_CHECKING:
    from netsculpt.pipeline import AnalysisPlan

__all__ = [
    "ModelRow",
    "earlier_rows",
    "models_folder",
    "numbers_of",
    "read_summary",
    "write_models",
]

_FILES = ("models.csv", "models.json", NAME)
_GRAPH = ("n_units", "n_edges", "n_parameters", "density")
_MODULES = ("n_modules", "quality", "delta", "p", "adjusted_p", "stability", "layer_ami", "verdict")
_HIERARCHY = ("n_levels", "flow_hierarchy", "trophic_incoherence")


@dataclass(frozen=True)
class ModelRow:
    """A model and its analysis, or why there is none."""

    name: str  # of the folder that it is written to
    file: str
    content: Mapping[str, Any] | None  # of its summary.json; None: it failed
    error: str | None = None
    exit_code: int = 0
    was_there: bool = False  # analysed by an earlier run

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able: the names, the error or None, the numbers."""
        numbers = {} if self.content is None else numbers_of(self.content)
        return {"model": self.name, "file": self.file, "error": self.error, **numbers}


def numbers_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a summary.json that make a row of a table: of the network, of its modules.

    Columns about modules begin with the key of the detector, as in ``layered_n_modules``.
    """
    graph, live = content["graph"], content["effective"]
    row = {name: graph[name] for name in _GRAPH}
    row |= {
        "live_units": _share(live["n_effective_units"], live["n_units"]),
        "live_edges": _share(live["n_effective_edges"], live["n_edges"]),
        "log10_paths": content["paths"]["log10_count"],
        "log10_path_weight": content["paths"]["log10_weight"],
    }
    for key, found in content["modules"].items():
        row |= {f"{key}_{name}": found[name] for name in _MODULES}
        row[f"{key}_z"] = (found["significance"] or {}).get("z")
        row |= {f"{key}_{name}": found["hierarchy"][name] for name in _HIERARCHY}
    return row


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary.json in a folder that `write_analysis` wrote.

    Raises
    ------
    FormatError
        If it cannot be read, or is of another version.
    """
    path = folder / "summary.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} cannot be read ({error}): remove {folder}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise FormatError(f"{path} is not a summary of {SCHEMA}: remove {folder}")
    return content


@contextmanager
def models_folder(folder: Path, names: Collection[str]) -> Iterator[list[str]]:
    """Keep a folder to this run during the block, in which models and tables are written.

    Folders of the models stay, those of an earlier run included, whose names are yielded; only the
    tables are replaced.
    """
    before = _models_in(folder)
    with replaced_folder(folder, MODELS, _FILES, [*names, *before]):
        yield [name for name in before if name not in names and folder.joinpath(name).is_dir()]


def _models_in(folder: Path) -> list[str]:
    """Folders of models in a folder of several: those that it lists, and those analysed since.

    A run that is interrupted leaves no list.
    """
    is_listed = folder.joinpath(MANIFEST).is_file()
    if not is_listed and not is_interrupted(folder):
        return []
    listed = read_manifest(folder / MANIFEST).get("models") if is_listed else []
    known = listed if isinstance(listed, list) else []
    names = {name for name in known if isinstance(name, str) and Path(name).name == name}
    names |= {path.name for path in folder.iterdir() if not path.is_symlink() and _is_model(path)}
    return sorted(names)


def _is_model(folder: Path) -> bool:
    """Whether `analyze` has written a folder."""
    try:
        manifest = folder / MANIFEST
        return manifest.is_file() and read_manifest(manifest).get("maker") == MAKER
    except FormatError:
        return False


def earlier_rows(
    folder: Path, names: Sequence[str], rows: Sequence[ModelRow], plan: AnalysisPlan, seed: int
) -> list[ModelRow]:
    """Rows of models that an earlier run analysed as this one did, and this one was not asked for.

    `names` are those of their folders. A folder that is not whole has no row, nor has one of
    another plan, seed or version: numbers in a table are to be compared. Nor has a file that is
    among `rows` under another name.
    """
    wanted = json.loads(json.dumps(plan.summary()))
    files = {row.file for row in rows}
    found = (_earlier_row(folder / name, wanted, seed) for name in names)
    return [row for row in found if row is not None and row.file not in files]


def _earlier_row(folder: Path, plan: Mapping[str, Any], seed: int) -> ModelRow | None:
    """The row of a folder that is whole and of this plan and seed; None of any other."""
    try:
        manifest = whole_manifest(folder)
        if manifest is None or manifest.get("seed") != seed:
            return None
        arguments = manifest.get("arguments")
        if not isinstance(arguments, dict) or not _asked(arguments, plan):
            return None
        return ModelRow(folder.name, str(arguments["model"]), read_summary(folder), was_there=True)
    except (FormatError, KeyError):  # somebody has edited it
        return None


def _asked(arguments: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether a folder is of a plan, perhaps without detectors whose data its file did not name."""
    without = [name for name in plan["detectors"] if name not in names_of("data_aware")]
    asked = {name: arguments.get(name) for name in plan}
    return asked in (plan, {**plan, "detectors": without})


def write_models(
    folder: Path,
    rows: Sequence[ModelRow],
    plan: AnalysisPlan,
    seed: int,
    *,
    left: Collection[str] = (),
) -> None:
    """Write report.html, models.csv, models.json, a row per model as given, and the manifest.

    `left` are names of folders of earlier models that have no row.
    """
    from netsculpt.report.html.models.page import models_page
    from netsculpt.report.html.writing import write_page  # matplotlib comes with it

    summaries = [row.summary() for row in rows]
    names = dict.fromkeys(name for row in summaries for name in row)
    columns = {name: [row.get(name) for row in summaries] for name in names}
    write_table(columns, folder / "models.csv")
    write_json(folder / "models.json", {"schema": MODELS_SCHEMA, "models": summaries})
    pages = pages_in(folder, [row.name for row in rows])
    write_page(models_page(ModelsContents(summaries, pages)), folder / NAME)
    write_manifest(
        folder,
        {
            "maker": MODELS,
            "arguments": {"files": [row.file for row in rows], **plan.summary()},
            "seed": seed,
            "models": sorted({*(row.name for row in rows), *left}),
            "files": sorted(_FILES),
        },
    )
