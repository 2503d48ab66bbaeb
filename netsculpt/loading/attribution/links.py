"""The links of an attribution graph's file, in growing arrays."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.files.errors import require_memory
from netsculpt.files.source import Source
from netsculpt.files.words import quoted

__all__ = ["Links", "is_finite"]

_LINK = 60  # bytes, while the graph is made
_ID = 200  # bytes, of an id that no node has had yet


def is_finite(weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether float32, in which graphs hold them, has room for each weight [E]; NaN has none."""
    with np.errstate(over="ignore"):
        finite: NDArray[np.bool_] = np.isfinite(weights.astype(np.float32))
    return finite


class Links:
    """The links of a file, as they come. `ids` numbers the ids of nodes.

    Links may stand before the nodes in the file: until `close`, they may name any id.
    """

    def __init__(self, source: Source, ids: dict[str, int]) -> None:
        self._source, self._where, self._ids = source, source.where, ids
        self._open = True
        self._sources, self._targets, self._weights = array("i"), array("i"), array("d")

    def close(self) -> None:
        """From now on, links may only name the ids that there are."""
        self._open = False

    def add(self, links: list[Any]) -> None:
        """Some more links."""
        try:
            sources = [link["source"] for link in links]
            targets = [link["target"] for link in links]
            weights = [link["weight"] for link in links]
        except (TypeError, KeyError):
            raise self._wrong(links) from None
        kinds = set(map(type, sources)) | set(map(type, targets))
        if kinds - {str} or set(map(type, weights)) - {int, float}:
            raise self._wrong(links)
        if self._open:
            for name in (*sources, *targets):
                self._ids.setdefault(name, len(self._ids))
        number = self._ids.__getitem__
        try:
            self._sources.extend(map(number, sources))
            self._targets.extend(map(number, targets))
        except KeyError as error:
            raise self._stranger(str(error.args[0])) from None
        self._weights.extend(weights)
        n_bytes = len(self._weights) * _LINK + (len(self._ids) * _ID if self._open else 0)
        claim = f"{self._where} has {len(self._weights)} links or more: {n_bytes} bytes"
        require_memory(n_bytes, self._source.max_bytes, claim)

    def finished(
        self, first: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Ids of sources and targets, and weights [E]; `first` is the node of each id, −1: none."""
        strangers = np.flatnonzero(first < 0)
        if strangers.size:
            names = list(self._ids)
            raise self._stranger(names[strangers[0]])
        if not self._weights:
            raise FormatError(f"{self._where} has no links: an attribution graph is needed")
        return (
            np.frombuffer(self._sources, np.int32),
            np.frombuffer(self._targets, np.int32),
            np.frombuffer(self._weights, np.float64),
        )

    def _stranger(self, name: str) -> FormatError:
        return FormatError(
            f"{self._where} has a link of {quoted(name)}, which none of its nodes has as id: the "
            "file is cut off or was edited; write it again"
        )

    def _wrong(self, links: list[Any]) -> FormatError:
        link = next(link for link in links if not _is_link(link))
        return FormatError(
            f"a link of {self._where} is {link!r:.120}: an object of source, target (ids of nodes) "
            "and weight (a number) is needed"
        )


def _is_link(link: Any) -> bool:
    return (
        isinstance(link, dict)
        and all(type(link.get(key)) is str for key in ("source", "target"))
        and type(link.get("weight")) in (int, float)
    )
