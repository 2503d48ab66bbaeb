"""The door to model files: each file is opened, hashed and parsed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from netsculpt.core.catalog import modules
from netsculpt.core.progress import Progress, silent
from netsculpt.files.source import Source
from netsculpt.loading.in_memory import PathLike, is_path, parsed_object
from netsculpt.loading.refusals import NOT_MASKS, mask_refusal, refusal
from netsculpt.loading.weights.asking import IN_MEMORY
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["Masks", "PathLike", "read"]

_FIXED = ("graph", "attribution", "wann")  # models that refuse any masks later on
_DESCRIPTION = "beeg_config.json"  # of a weight-sparse transformer: see formats.gpt_folder

Masks = PathLike | Mapping[str, Any] | Sequence[Any] | NDArray[Any]  # a file of them, or they


def read(
    model: PathLike | Mapping[str, Any],
    mask: Masks | None,
    max_bytes: int,
    *,
    weights: PathLike | None = None,
    progress: Progress = silent,
) -> ParsedFile:
    """A model file, and its files of masks and weights if there are any, each parsed by format.

    A state dict, and masks, may be in memory instead.
    """
    source = Source.open(_file_of(Path(model)), max_bytes, progress) if is_path(model) else None
    others = [
        Source.open(Path(x), max_bytes) if is_path(x) else None for x in (mask, weights)
    ]  # every file is opened before the first is read
    parsed = parsed_object(model, IN_MEMORY, max_bytes) if source is None else _parsed(source)
    masks: ParsedFile | None = None
    if others[0] is not None:
        fixed = parsed.content.kind in _FIXED
        masks = _parsed(others[0]) if fixed else _parsed_masks(others[0])
    elif mask is not None:
        masks = parsed_object(mask, "masks", max_bytes)
    values = None if others[1] is None else _parsed(others[1])
    return replace(parsed, mask=masks, weights=values)


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
