"""What an attribution graph's file holds, read in one pass without holding its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.files.errors import file_errors
from netsculpt.files.json_stream import JsonStream, json_texts
from netsculpt.files.source import Source
from netsculpt.files.words import listed, quoted
from netsculpt.graph.attribution import Nodes
from netsculpt.loading.attribution.links import Links
from netsculpt.loading.attribution.nodes import NodeTable

__all__ = ["Parsed", "Settings", "parsed"]

_REMEDY = "Write it again as circuit-tracer or Neuronpedia do"


@dataclass(frozen=True)
class Settings:
    """What the page shows ("qParams"), and which characters of the file hold it."""

    values: dict[str, Any]
    start: int  # first character of the value; of the object's content if there is no such key
    stop: int  # one past the last; equal if there is no such key


@dataclass(frozen=True, eq=False)
class Parsed:
    """The content of a file. Links name nodes by id, which an error and a feature can share."""

    nodes: Nodes
    first: NDArray[np.int64]  # first node that has each id [I]
    second: NDArray[np.int64]  # second one, −1: none [I]
    sources: NDArray[np.int32]  # ids [E], by their numbers
    targets: NDArray[np.int32]
    weights: NDArray[np.float64]  # [E], not checked
    settings: Settings
    links_at: tuple[int, int]  # first character of the list of links, and one past its last


def parsed(source: Source) -> Parsed:
    """The nodes, links and settings in a file.

    Memory: some 16 bytes per link and 300 per node, plus one part of the text.

    Raises
    ------
    FormatError
        If it is not JSON, keys are missing, or a node or a link is not what is needed.
    LimitError
        If a part of it is too large.
    """
    where = source.where
    with file_errors(where, _REMEDY):
        ids: dict[str, int] = {}
        table, links = NodeTable(source, ids), Links(source, ids)
        settings, links_at = None, (0, 0)
        stream = JsonStream(json_texts(source), where)
        keys: list[str] = []
        for key in stream:
            keys.append(key)
            if key == "nodes":
                for batch in stream.batches():
                    table.add(batch)
                links.close()
            elif key == "links":
                begin = stream.place
                for batch in stream.batches():
                    links.add(batch)
                links_at = begin, stream.place
            elif key == "qParams":
                start = stream.place
                settings = Settings(_settings(stream.value(), where), start, stream.place)
            else:
                stream.value()
        missing = {"nodes", "links"} - set(keys)
        if missing:
            raise FormatError(
                f"{where} is JSON with the keys {listed(map(quoted, keys))}: an attribution graph "
                f"needs {listed(map(quoted, missing))} too"
            )
        nodes, first, second = table.finished(len(ids))
        sources, targets, weights = links.finished(first)
    settings = settings or Settings({}, stream.opened, stream.opened)
    return Parsed(nodes, first, second, sources, targets, weights, settings, links_at)


def _settings(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"qParams of {where} are {value!r:.80}: an object is needed")
    return value
