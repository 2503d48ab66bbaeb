"""The door to model files: each file is opened, hashed and parsed once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from netsculpt.core.catalog import modules
from netsculpt.core.progress import Progress, silent
from netsculpt.files.source import Source
from netsculpt.loading.refusals import NOT_MASKS, mask_refusal, refusal
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["PathLike", "read"]

_FIXED = ("graph", "attribution", "wann")  # models that refuse any masks later on
_DESCRIPTION = "beeg_config.json"  # of a weight-sparse transformer: see formats.gpt_folder

PathLike = str | os.PathLike[str]


def read(
    path: PathLike,
    mask: PathLike | None,
    max_bytes: int,
    *,
    weights: PathLike | None = None,
    progress: Progress = silent,
) -> ParsedFile:
    """A model file, and its files of masks and weights if there are any, each parsed by format."""
    source = Source.open(_file_of(Path(path)), max_bytes, progress)
    others = [None if x is None else Source.open(Path(x), max_bytes) for x in (mask, weights)]
    model = _parsed(source)
    parsed_masks = _parsed if model.content.kind in _FIXED else _parsed_masks
    masks = None if others[0] is None else parsed_masks(others[0])
    values = None if others[1] is None else _parsed(others[1])
    return replace(model, mask=masks, weights=values)


def _file_of(path: Path) -> Path:
    """The file that describes a model whose files are a folder; other paths are files."""
    described = path / _DESCRIPTION
    return described if described.is_file() else path


def _parsed(source: Source) -> ParsedFile:
    for name, reader in modules("formats").items():
        if reader.sniff(source):
            return ParsedFile(source, name, reader.read(source))
    raise refusal(source)


def _parsed_masks(source: Source) -> ParsedFile:
    """A file of masks; of a kind that holds none, nothing but its beginning is read."""
    for name, reader in modules("formats").items():
        if reader.sniff(source):
            if name in NOT_MASKS:
                raise mask_refusal(source, NOT_MASKS[name])
            return ParsedFile(source, name, reader.read(source))
    raise mask_refusal(source)
