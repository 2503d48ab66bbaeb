"""The door to model files: each file is opened, hashed and parsed once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from netsculpt.core.catalog import modules
from netsculpt.files.source import Source
from netsculpt.loading.refusals import refusal
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["PathLike", "read"]

PathLike = str | os.PathLike[str]


def read(path: PathLike, mask: PathLike | None, max_bytes: int) -> ParsedFile:
    """A model file, and its mask file if there is one, each parsed by the format it is in."""
    source = Source.open(Path(path), max_bytes)
    mask_source = None if mask is None else Source.open(Path(mask), max_bytes)
    model = _parsed(source)
    return model if mask_source is None else replace(model, mask=_parsed(mask_source))


def _parsed(source: Source) -> ParsedFile:
    for name, reader in modules("formats").items():
        if reader.sniff(source):
            return ParsedFile(source, name, reader.read(source))
    raise refusal(source)
