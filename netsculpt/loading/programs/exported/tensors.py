"""Tensors of an exported program: raw bytes, which must be as long as claimed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.files.errors import require_memory
from netsculpt.files.source import Source
from netsculpt.files.words import quoted, shape
from netsculpt.loading.programs.exported.claims import Claim, claim
from netsculpt.loading.programs.exported.fields import field

__all__ = ["StoredTensor", "stored_tensors"]


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor, and the claim of the file about it."""

    value: Tensor
    claim: Claim


def stored_tensors(source: Source, tables: Mapping[str, Any]) -> dict[str, StoredTensor]:
    """Every tensor in the tables, each of which is keyed by its folder in the archive."""
    entries = {
        name: (folder, entry)
        for folder, table in tables.items()
        for name, entry in field(table, "config", dict).items()
    }
    claims = {name: claim(name, *entry, source.where) for name, entry in entries.items()}
    _check_claims(claims, source)
    with zipfile.ZipFile(source.path) as archive:
        paths = sorted({x.path for x in claims.values()})
        storages = {path: _storage(archive, path) for path in paths}
    return {
        name: StoredTensor(
            torch.empty(0, dtype=x.dtype).set_(storages[x.path], x.offset, x.size, x.stride), x
        )
        for name, x in claims.items()
    }


def _check_claims(claims: Mapping[str, Claim], source: Source) -> None:
    members = {x.path for x in claims.values()}
    for path in members - set(source.members):
        raise FormatError(
            f"{source.where} refers to {quoted(path)}, which is not a member of it: it is cut off "
            "or forged; save the program again with torch.export.save"
        )
    claimed = sum(x.n_bytes for x in claims.values())
    stored = sum(source.members[path].file_size for path in members)
    sizes = f"{source.where} claims tensors of {claimed} bytes and holds {stored}"
    require_memory(max(claimed, stored), source.max_bytes, sizes)
    for name, x in claims.items():
        room = source.members[x.path].file_size
        if x.reach > room:
            raise FormatError(
                f"{source.where} claims {quoted(name)} of {shape(x.size)} in {room} bytes, "
                "which cannot hold it: it was exported without weights (fake tensors), or is "
                "damaged; export and save it again"
            )


def _storage(archive: zipfile.ZipFile, path: str) -> torch.UntypedStorage:
    content = bytearray(archive.read(path))
    empty = torch.empty(0, dtype=torch.uint8)  # as torch takes no empty buffer
    return (torch.frombuffer(content, dtype=torch.uint8) if content else empty).untyped_storage()
