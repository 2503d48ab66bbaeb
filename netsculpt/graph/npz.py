"""Graph files: one zip of plain arrays, written at the speed of memory.

The file is an ``.npz``: ``data``, ``indices``, ``indptr``, ``shape``, ``format`` and ``_is_array``
are the weights as SciPy stores a sparse array, so that `scipy.sparse.load_npz` reads them, next to
``positions`` and, where the graph has them, ``multiplicity``, ``scalars`` and one array for each of
its ``attributes``, called ``attribute_`` and its name. ``netsculpt.json`` holds layers, blocks and
provenance. Nothing is compressed: weights hardly shrink, and a file that holds no more than its own
size cannot be a bomb. `netsculpt.load` reads it.
"""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.writing import replacing
from netsculpt.graph.description import description
from netsculpt.graph.graph import NetGraph

__all__ = ["ATTRIBUTE", "DESCRIPTION", "save"]

DESCRIPTION: Final = "netsculpt.json"  # the member that holds layers, blocks and provenance
ATTRIBUTE: Final = "attribute_"  # begins the names of members that hold attributes of units
_CHUNK: Final = 1 << 20  # bytes that stay in the cache between checksum and copy


def save(graph: NetGraph, path: str | Path) -> None:
    """Write a graph to an ``.npz`` file that `netsculpt.load` reads back exactly.

    The file appears whole or not at all. Equal graphs give equal bytes. Cost O(E): 8 bytes per
    edge with float32 weights, at the speed of the disk.

    Examples
    --------
    >>> import netsculpt, tempfile
    >>> from netsculpt.graph.matrices import from_matrices
    >>> path = Path(tempfile.mkdtemp()) / "graph.npz"
    >>> save(from_matrices([np.eye(3)]), path)
    >>> netsculpt.load(path)
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
    for name in ("multiplicity", "scalars"):
        if getattr(graph, name) is not None:
            arrays[name] = getattr(graph, name)
    arrays |= {f"{ATTRIBUTE}{name}": values for name, values in graph.attributes.items()}
    text = json.dumps(description(graph), separators=(",", ":")).encode()
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        _write_member(archive, DESCRIPTION, text)
        for name, array in arrays.items():
            little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
            content = little.reshape(-1).view(np.uint8)
            _write_member(archive, f"{name}.npy", _header(little), content)


def _write_member(archive: zipfile.ZipFile, name: str, *parts: Any) -> None:
    info = zipfile.ZipInfo(name)  # dated 1980: equal graphs give equal bytes
    info.create_system = 3  # Unix, on every system
    info.external_attr = 0o644 << 16
    info.file_size = sum(len(part) for part in parts)  # decides whether sizes need 64 bits
    with archive.open(info, "w") as member:
        for part in parts:
            for start in range(0, len(part), _CHUNK):
                member.write(part[start : start + _CHUNK])


def _header(array: NDArray[Any]) -> bytes:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue()
