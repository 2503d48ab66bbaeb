"""netsculpt's own graph files, as `netsculpt.graph.npz.save` writes them."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import LimitError
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors, require_memory
from netsculpt.files.npy import npy_data, npy_header
from netsculpt.files.source import Source
from netsculpt.graph.description import read_description
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.npz import ATTRIBUTE, DESCRIPTION

__all__ = ["load_graph", "read", "sniff"]

_LONGEST_JSON = 1 << 26  # bytes
_COUNTS = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")
_DTYPES = {
    "data": ("<f4", "<f8"),
    "indices": ("<i4",),
    "indptr": ("<i4",),
    "shape": ("<i8",),
    "format": ("|S3",),
    "_is_array": ("|b1",),
    "positions": ("<i4",),
    "multiplicity": _COUNTS,
    "scalars": ("<i4",),
}
_OF_ATTRIBUTES = (*_COUNTS, "|b1", "<f4", "<f8")
_TEXT = re.compile("<U[0-9]+")  # dtype of an attribute of strings
_LEGAL = {DESCRIPTION, *(f"{name}.npy" for name in _DTYPES)}
_NEEDED = _LEGAL - {"multiplicity.npy", "scalars.npy"}
_REMEDY = "Write the graph again with netsculpt.graph.npz.save"


def sniff(source: Source) -> bool:
    """Whether the zip file has the member that only graphs have."""
    return DESCRIPTION in source.members


def read(source: Source) -> Content:
    """The graph itself."""
    return Content(_graph(source), source.sha256(), "graph")


def load_graph(path: str | Path, *, max_bytes: int = 8 << 30) -> NetGraph:
    """The graph in a file of `netsculpt.graph.npz.save`, its provenance unchanged.

    Nothing in the file is trusted or run. `netsculpt.load` also hashes it, and adds a step.

    Raises
    ------
    FormatError
        If `save` could not have written it: it is damaged, compressed, or has other members.
    LimitError
        If its members are larger than `max_bytes` together.
    GraphError
        If its arrays are not those of a valid graph.
    """
    return _graph(Source.open(Path(path), max_bytes))


def _graph(source: Source) -> NetGraph:
    with file_errors(source.where, _REMEDY):
        if not sniff(source):
            raise ValueError(f"it has no member {DESCRIPTION!r}, which every graph file has")
        members = dict(source.members)
        _check_members(members, source)
        with zipfile.ZipFile(source.path) as archive:
            description = json.loads(archive.read(members.pop(DESCRIPTION)))
            arrays = {name[:-4]: _array(archive, info) for name, info in members.items()}
        layers, blocks, provenance = read_description(description)
        n_units = layers[-1].stop if layers else 0
        _check_csr(arrays, n_units)
    weights = csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), (n_units, n_units))
    counts, scalars = arrays.get("multiplicity"), arrays.get("scalars")
    return NetGraph(
        weights,
        counts,
        layers,
        blocks,
        provenance,
        arrays["positions"],
        scalars,
        {name[len(ATTRIBUTE) :]: x for name, x in arrays.items() if name.startswith(ATTRIBUTE)},
    )


def _check_members(members: Mapping[str, zipfile.ZipInfo], source: Source) -> None:
    """Exactly those members that `save` writes, as it writes them; a `Source` checks sizes."""
    for name in sorted(_NEEDED - set(members)):
        raise ValueError(f"its member {name!r} is missing")
    strangers = (name for name in set(members) - _LEGAL if not name.startswith(ATTRIBUTE))
    for name in sorted(strangers):
        raise ValueError(f"a member {name!r}, which graphs do not have")
    for name, info in members.items():
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise ValueError(f"member {name!r} is compressed or encrypted")
    n_bytes = sum(info.file_size for info in members.values())
    require_memory(n_bytes, source.max_bytes, f"{source.where} holds {n_bytes} bytes")
    if members[DESCRIPTION].file_size > _LONGEST_JSON:
        raise LimitError(
            f"{DESCRIPTION} in {source.where} is {members[DESCRIPTION].file_size} bytes, at most "
            f"{_LONGEST_JSON} are read: a graph of fewer layers is needed"
        )


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as stream:
        shape, dtype = npy_header(stream)
        known = _DTYPES.get(name, _OF_ATTRIBUTES)
        text = name.startswith(ATTRIBUTE) and _TEXT.fullmatch(dtype.str) is not None
        if not (text or dtype.str in known) or len(shape) > 1:
            raise ValueError(f"{name!r} is not an array of {' or '.join(known)}")
        if stream.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{name!r} of shape {list(shape)} in {info.file_size} bytes")
        return npy_data(stream)


def _check_csr(arrays: Mapping[str, NDArray[Any]], n_units: int) -> None:
    """What compiled code relies on: pointers and indices within their bounds."""
    data, indices, indptr = arrays["data"], arrays["indices"], arrays["indptr"]
    if arrays["format"].tolist() != b"csr" or arrays["shape"].tolist() != [n_units, n_units]:
        raise ValueError(f"weights are not the CSR matrix of {n_units} units")
    if indptr.shape != (n_units + 1,) or data.shape != indices.shape or data.ndim != 1:
        raise ValueError(
            f"indptr {list(indptr.shape)}, indices {list(indices.shape)} and data "
            f"{list(data.shape)} are not a CSR matrix"
        )
    if indptr[0] != 0 or indptr[-1] != data.size or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(f"indptr does not climb from 0 to the number of edges, {data.size}")
    if data.size and (indices.min() < 0 or indices.max() >= n_units):
        raise ValueError(f"target units {indices.min()} … {indices.max()} of {n_units}")
