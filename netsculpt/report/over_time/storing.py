"""The networks of a track as files, from which its page is made again.

graph.npz    all units and edges that there ever are, as any graph
steps.npz    arrays of NumPy, not compressed: which edges each step keeps, their weights, columns
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.writing import replacing
from netsculpt.files.errors import require_memory
from netsculpt.files.npy import read_npy
from netsculpt.files.source import Source
from netsculpt.loading.formats.graph import load_graph
from netsculpt.report.over_time.networks import Networks

__all__ = ["GRAPH", "STEPS", "read_networks", "write_steps"]

GRAPH: Final = "graph.npz"
STEPS: Final = "steps.npz"
_COLUMN: Final = "column_"
_MOST_BYTES: Final = 8 << 30


def write_steps(networks: Networks, path: Path) -> None:
    """Write what differs from step to step; `netsculpt.graph.npz.save` writes the graph."""
    arrays: dict[str, Any] = {
        "steps": np.array(networks.steps, dtype=np.int64),
        "kept": np.packbits(networks.kept, axis=1),
        "weights": networks.weights,
        "n_edges": networks.n_edges,
        "n_live": networks.n_live,
        **{f"{_COLUMN}{name}": values for name, values in networks.columns.items()},
    }
    with replacing(path) as file:
        np.savez(file, **arrays)


def read_networks(folder: Path) -> Networks:
    """The networks of a folder that `netsculpt track` has written.

    Raises
    ------
    FormatError
        If a file is damaged, or of other networks than the other.
    """
    graph = load_graph(folder / GRAPH)
    source = Source.open(folder / STEPS, _MOST_BYTES)
    arrays = _arrays(source)
    try:
        steps, packed = arrays["steps"], arrays["kept"]
        n_steps, row = steps.size, -(-graph.n_edges // 8)
        columns = [name for name in arrays if name.startswith(_COLUMN)]
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(columns, (n_steps, graph.n_units))
        shapes |= {"kept": (n_steps, row)}
        shapes |= dict.fromkeys(("steps", "n_edges", "n_live"), (n_steps,))
        _check(arrays, shapes, source)
        if packed.dtype != np.uint8:
            raise FormatError(f"kept in {source.where} is {packed.dtype}, uint8 is needed")
        kept = np.unpackbits(packed, axis=1, count=graph.n_edges).astype(bool)
        _check(arrays, {"weights": (int(kept.sum()),)}, source)
        return Networks(
            graph,
            tuple(steps.tolist()),
            kept,
            arrays["weights"].astype(np.float32),
            arrays["n_edges"],
            arrays["n_live"],
            {name.removeprefix(_COLUMN): arrays[name] for name in columns},
        )
    except KeyError as error:
        raise FormatError(f"{source.where} has no array {error}: run 'track' again") from None


def _arrays(source: Source) -> dict[str, NDArray[Any]]:
    if source.compressed or not source.members:
        raise FormatError(f"{source.where} is not as 'track' writes it: run 'track' again")
    n_bytes = sum(info.file_size for info in source.members.values())
    require_memory(n_bytes, source.max_bytes, f"{source.where} holds {n_bytes} bytes")
    arrays = {}
    with zipfile.ZipFile(source.path) as archive:
        for name, info in source.members.items():
            with archive.open(info) as stream:
                where = f"{name!r} in {source.where}"
                array = read_npy(stream, info.file_size, source.max_bytes, where)
            arrays[name.removesuffix(".npy")] = array
    return arrays


def _check(
    arrays: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]], source: Source
) -> None:
    for name, shape in shapes.items():
        found = arrays[name]
        if found.shape != shape or found.dtype.kind not in "biuf":
            raise FormatError(
                f"{name} in {source.where} is {found.dtype} {list(found.shape)}, numbers "
                f"{list(shape)} are needed: its files are of different networks; run 'track' again"
            )
