"""Tensors in several safetensors files, which a JSON index lists."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from netsculpt.core.errors import FormatError, UnsafeFileError
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors
from netsculpt.files.safetensors import read_safetensors
from netsculpt.files.source import Source
from netsculpt.files.words import listed, quoted

__all__ = ["read", "sniff"]

_LONGEST_INDEX = 1 << 24


def sniff(source: Source) -> bool:
    """Whether the file is short, begins like JSON and contains a weight map."""
    if source.head.lstrip()[:1] != b"{" or source.n_bytes > _LONGEST_INDEX:
        return False
    return b'"weight_map"' in source.path.read_bytes()


def read(source: Source) -> Content:
    """The tensors of all shards, which are in the folder of the index, by name."""
    index = source.content()
    with file_errors(source.where):
        weight_map = json.loads(index)["weight_map"]
    if not isinstance(weight_map, dict) or not all(isinstance(x, str) for x in weight_map.values()):
        raise FormatError(
            f"the weight map of {source.where} is not a dict of file names: save the model again"
        )
    digest = hashlib.sha256(index)
    tensors: dict[str, Any] = {}
    shards = sorted(set(weight_map.values()))
    for shard in (_shard(source, name) for name in shards):
        digest.update(shard.sha256().encode())
        tensors |= read_safetensors(shard.path, shard.where)
    missing = set(weight_map) - set(tensors)
    if missing:
        raise FormatError(
            f"the shards of {source.where} lack {listed(missing)}: fetch all shards of one model"
        )
    details = {"shards": shards}
    return Content(
        {name: tensors[name] for name in weight_map},
        f"sha256:{digest.hexdigest()}",
        ordered=False,
        details=details,
    )


def _shard(source: Source, name: str) -> Source:
    """The shard called `name`, which must be in the folder of the index."""
    path = source.path.parent / name
    with file_errors(source.where):
        inside = path.resolve().parent in source.folders
    if not inside:
        raise UnsafeFileError(
            f"{source.where} names the shard {quoted(name)}, which is not in its folder: "
            "shards may not leave the folder of their index"
        )
    return Source.open(path, source.max_bytes)
