"""Graphs in files: one zip of plain arrays, written and read at the speed of memory.

The file is an ``.npz``: ``data``, ``indices``, ``indptr``, ``shape``, ``format`` and ``_is_array``
are the weights as SciPy stores a sparse array, so that `scipy.sparse.load_npz` reads them;
``positions`` and, where the graph has it, ``multiplicity`` stand beside them. ``netsculpt.json``
holds layers, blocks and provenance. Nothing is compressed: weights hardly shrink, and a file that
holds no more than its own size cannot be a bomb.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import FormatError, GraphError, LimitError
from netsculpt.core.provenance import Step
from netsculpt.core.writing import replacing
from netsculpt.graph.graph import Block, Layer, NetGraph, Role

__all__ = ["described", "description", "load_graph", "save"]

FORMAT: Final = "netsculpt.graph/1"

_EIGHT_GIB: Final = 8 << 30
_CHUNK: Final = 1 << 20  # bytes that stay in the cache between checksum and copy
_JSON: Final = "netsculpt.json"
_LONGEST_JSON: Final = 1 << 26  # bytes
_COUNTS: Final = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")
_DTYPES: Final = {
    "data": ("<f4", "<f8"),
    "indices": ("<i4",),
    "indptr": ("<i4",),
    "shape": ("<i8",),
    "format": ("|S3",),
    "_is_array": ("|b1",),
    "positions": ("<i4",),
    "multiplicity": _COUNTS,
}
_OPTIONAL: Final = {"multiplicity"}
_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][a-zA-Z]\d)', 'fortran_order': False, "
    rb"'shape': \((?:(\d{1,15}),)?\), \} *\n",
    re.DOTALL,
)
_MOST_HEADER: Final = 256  # bytes
_BROKEN: Final = (
    *(FormatError, zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError),
    *(struct.error, RecursionError),
)


def save(graph: NetGraph, path: str | Path) -> None:
    """Write a graph to an ``.npz`` file that `load_graph` reads back exactly.

    The file appears whole or not at all. Equal graphs give equal bytes. Cost O(E): 8 bytes an
    edge with float32 weights, at the speed of the disk.

    Examples
    --------
    >>> import tempfile
    >>> from netsculpt.graph.matrices import from_matrices
    >>> path = Path(tempfile.mkdtemp()) / "graph.npz"
    >>> save(from_matrices([np.eye(3)]), path)
    >>> load_graph(path)
    NetGraph(3-3: 6 units, 3 edges)
    """
    weights = graph.weights
    arrays: dict[str, Any] = {
        "data": weights.data,
        "indices": weights.indices,
        "indptr": weights.indptr,
        "shape": np.array(weights.shape, dtype=np.int64),
        "format": np.array(b"csr"),
        "_is_array": np.array(True),
        "positions": graph.positions,
    }
    if graph.multiplicity is not None:
        arrays["multiplicity"] = graph.multiplicity
    text = json.dumps(description(graph), separators=(",", ":")).encode()
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        _write_member(archive, _JSON, b"", text)
        for name, array in arrays.items():
            little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
            content = little.reshape(-1).view(np.uint8)
            _write_member(archive, f"{name}.npy", _header(little), content)


def load_graph(path: str | Path, *, max_bytes: int = _EIGHT_GIB) -> NetGraph:
    """Read a graph that `save` wrote, from anybody: nothing in the file is trusted or run.

    Parameters
    ----------
    path
        The file.
    max_bytes
        Most bytes that its members may hold together.

    Raises
    ------
    FormatError
        If it is not a file that `save` could have written: broken, compressed, other members.
    LimitError
        If it holds more than `max_bytes`.
    GraphError
        If its arrays do not make a legal graph.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, size, max_bytes)
                text = archive.read(members.pop(_JSON))
                arrays = {name[:-4]: _array(archive, info) for name, info in members.items()}
            layers, blocks, provenance = described(json.loads(text))
            n_units = layers[-1].stop if layers else 0
            _check_csr(arrays, n_units)
        except _BROKEN as error:
            raise FormatError(
                f"{path} cannot be read as a graph ({error}): a file that netsculpt's save wrote "
                "is needed; make it again"
            ) from error
    weights = csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), (n_units, n_units))
    return NetGraph(
        weights, arrays.get("multiplicity"), layers, blocks, provenance, arrays["positions"]
    )


def description(graph: NetGraph) -> dict[str, Any]:
    """Layers, blocks and provenance as JSON values, for `described` to read.

    Raises
    ------
    GraphError
        If a provenance parameter has no JSON form.
    """
    content = {
        "format": FORMAT,
        "layers": [
            {"name": x.name, "role": x.role, "shape": list(x.shape), "n_units": x.n_units}
            for x in graph.layers
        ],
        "blocks": [vars(x) for x in graph.blocks],
        "provenance": [{**vars(x), "parameters": dict(x.parameters)} for x in graph.provenance],
    }
    try:
        plain: dict[str, Any] = json.loads(json.dumps(content, default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise GraphError(
            f"the graph's description has no JSON form ({error}): strings, finite numbers, lists "
            "and mappings are needed in its provenance"
        ) from error
    return plain


def described(content: Any) -> tuple[tuple[Layer, ...], tuple[Block, ...], tuple[Step, ...]]:
    """Layers, blocks and provenance that `description` gave.

    Raises
    ------
    FormatError
        If something is missing or of another type.
    """
    if _field(content, "format", str) != FORMAT:
        raise FormatError(f"format {content['format']!r} found: this version reads {FORMAT!r}")
    layers: list[Layer] = []
    for entry in _field(content, "layers", list):
        start = layers[-1].stop if layers else 0
        stop = start + _count(entry, "n_units")
        role = _field(entry, "role", str)
        if role not in get_args(Role):
            raise FormatError(f"role {role!r} found: one of {', '.join(get_args(Role))} is needed")
        shape = tuple(_field(entry, "shape", list))
        if not all(type(side) is int and side >= 0 for side in shape):
            raise FormatError(f"shape {list(shape)} found: whole numbers are needed")
        layers.append(Layer(_field(entry, "name", str), role, shape, start, stop))
    blocks = tuple(
        Block(
            _field(entry, "source", str),
            _field(entry, "target", str),
            _field(entry, "parameter", str, type(None)),
            _field(entry, "kind", str),
            _count(entry, "size"),
        )
        for entry in _field(content, "blocks", list)
    )
    provenance = tuple(
        Step(
            _field(entry, "function", str),
            _field(entry, "parameters", dict),
            _field(entry, "version", str),
            _field(entry, "input_hash", str, type(None)),
        )
        for entry in _field(content, "provenance", list)
    )
    return tuple(layers), blocks, provenance


def _write_member(archive: zipfile.ZipFile, name: str, *parts: Any) -> None:
    info = zipfile.ZipInfo(name)  # dated 1980: equal graphs give equal bytes
    info.create_system = 3  # of Unix, wherever it is written
    info.external_attr = 0o644 << 16
    info.file_size = sum(len(part) for part in parts)  # whether 64-bit sizes are needed
    with archive.open(info, "w") as member:
        for part in parts:
            for at in range(0, len(part), _CHUNK):
                member.write(part[at : at + _CHUNK])


def _header(array: NDArray[Any]) -> bytes:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue()


def _members(archive: zipfile.ZipFile, size: int, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Members by name: exactly those that `save` writes, as it writes them."""
    members = {info.filename: info for info in archive.infolist()}
    legal = {_JSON, *(f"{name}.npy" for name in _DTYPES)}
    needed = legal - {f"{name}.npy" for name in _OPTIONAL}
    if len(members) < len(archive.infolist()) or not needed <= set(members) <= legal:
        raise FormatError(
            f"members {sorted(members)[:20]} found: {sorted(needed)} are needed, each once"
        )
    for name, info in members.items():
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise FormatError(f"member {name!r} is compressed or encrypted: save stores as it is")
    total = sum(info.file_size for info in members.values())
    if total > max_bytes:
        raise LimitError(f"{total} bytes found, {max_bytes} allowed: raise max_bytes")
    if total > size:
        raise FormatError(f"members of {total} bytes found in a file of {size}")
    if members[_JSON].file_size > _LONGEST_JSON:
        raise LimitError(
            f"{_JSON} of {members[_JSON].file_size} bytes found, {_LONGEST_JSON} allowed: a graph "
            "of fewer layers is needed"
        )
    return members


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as member:
        start = member.read(_MOST_HEADER)
        header = _HEADER.match(start)
        dtype = header[1].decode() if header else ""
        if header is None or dtype not in _DTYPES[name]:
            raise FormatError(f"{name!r} is not an array of {' or '.join(_DTYPES[name])}")
        shape = () if header[2] is None else (int(header[2]),)
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        if header.end() + n_bytes != info.file_size:
            raise FormatError(f"{name!r} of shape {list(shape)} found in {info.file_size} bytes")
        raw = np.empty(n_bytes, dtype=np.uint8)
        early = start[header.end() :]
        raw[: len(early)] = np.frombuffer(early, dtype=np.uint8)
        for at in range(len(early), n_bytes, _CHUNK):
            part = member.read(min(_CHUNK, n_bytes - at))
            raw[at : at + len(part)] = np.frombuffer(part, dtype=np.uint8)
    return raw.view(dtype).reshape(shape)


def _check_csr(arrays: Mapping[str, NDArray[Any]], n_units: int) -> None:
    """Whatever compiled code trusts: pointers and indices that stay inside."""
    data, indices, indptr = arrays["data"], arrays["indices"], arrays["indptr"]
    if arrays["format"].tolist() != b"csr" or arrays["shape"].tolist() != [n_units, n_units]:
        raise FormatError(f"weights are not the CSR matrix of {n_units} units")
    if indptr.shape != (n_units + 1,) or data.shape != indices.shape or data.ndim != 1:
        raise FormatError(
            f"indptr {list(indptr.shape)}, indices {list(indices.shape)} and data "
            f"{list(data.shape)} do not make a CSR matrix of {n_units} units"
        )
    if indptr[0] != 0 or indptr[-1] != data.size or (np.diff(indptr) < 0).any():
        raise FormatError(f"indptr does not climb from 0 to the number of edges, {data.size}")
    if data.size and (indices.min() < 0 or indices.max() >= n_units):
        raise FormatError(f"target units {indices.min()} … {indices.max()} of {n_units} found")


def _field(entry: Any, key: str, *kinds: type) -> Any:
    if not isinstance(entry, dict) or key not in entry or type(entry[key]) not in kinds:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise FormatError(f"{_JSON} lacks {key!r} ({wanted}) where it is needed")
    return entry[key]


def _count(entry: Any, key: str) -> int:
    number: int = _field(entry, key, int)
    if number < 0:
        raise FormatError(f"{key} {number} found in {_JSON}: a number ≥ 0 is needed")
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} found")
