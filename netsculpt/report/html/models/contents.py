"""What the page of several models is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from netsculpt.core.errors import FormatError
from netsculpt.report.html.contents import NAME

__all__ = ["MODELS", "SCHEMA", "ModelsContents", "models_contents", "pages_in"]

MODELS: Final = "analyze of several models"  # who writes such folders
SCHEMA: Final = "netsculpt.models/1"


@dataclass(frozen=True)
class ModelsContents:
    """Everything that is on the page."""

    rows: Sequence[Mapping[str, Any]]  # of models.json: model, file, error, numbers
    pages: frozenset[str]  # models whose folder has a page of their own


def models_contents(folder: Path) -> ModelsContents:
    """Read the table that `analyze` of several models wrote into a folder.

    Raises
    ------
    FormatError
        If it is damaged or of another version.
    """
    path = folder / "models.json"
    try:
        content = json.loads(path.read_bytes())
        found, rows = content["schema"], content["models"]
        names = [str(row["model"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(
            f"{path} is not a table of models ({error}): run 'netsculpt analyze' again"
        ) from None
    if found != SCHEMA:
        raise FormatError(f"{path} is of schema {found!r:.60}, {SCHEMA!r} is needed")
    return ModelsContents(rows, pages_in(folder, names))


def pages_in(folder: Path, names: Sequence[str]) -> frozenset[str]:
    """Those of some models that have a page in a folder of their name."""
    own = (name for name in names if Path(name).name == name)
    return frozenset(name for name in own if folder.joinpath(name, NAME).is_file())
