"""Modules as the supernodes that pages for attribution graphs show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from netsculpt.graph.attribution.nodes import CLERP, ERROR, NODE_ID, of_type
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition, labels_of

__all__ = ["supernodes", "with_supernodes"]

_WORD: Final = re.compile(r"\w+(?:[-'’]\w+)*")
_MOST_WORDS: Final = 3


def supernodes(graph: NetGraph, partition: Partition) -> list[list[str]]:
    """One list per module: its label, then the ids of its nodes.

    Errors, which nobody can name, are left out, and so are modules of a single node. A label is
    made of up to three words from what people call the features of the module (their clerps): those
    of two or more of its nodes, and of more of its nodes than of all others together, the most
    frequent first. Where there are none it is "module k". Cost O(U) words.

    Raises
    ------
    GraphError
        If it is not an attribution graph, or the partition is not of its units.

    Examples
    --------
    >>> from netsculpt.graph.attribution import planted_supernodes
    >>> graph, truth = planted_supernodes(3, 12, 2, rng=0)
    >>> [label for label, *ids in supernodes(graph, truth)]
    ['theme-0', 'theme-1']
    """
    nameable = ~of_type(graph, ERROR, "supernodes")
    labels, ids = labels_of(graph, partition), graph.attributes[NODE_ID]
    words = [{word.lower() for word in _WORD.findall(text)} for text in graph.attributes[CLERP]]
    everywhere = Counter(word for some in words for word in some)
    listed = []
    for module in range(partition.n_modules):
        units = np.flatnonzero(nameable & (labels == module)).tolist()
        if len(units) > 1:
            inside = Counter(word for unit in units for word in words[unit])
            label = _label(inside, everywhere) or f"module {module}"
            listed.append([label, *dict.fromkeys(str(ids[unit]) for unit in units)])
    return listed


def with_supernodes(settings: Mapping[str, Any], listed: list[list[str]]) -> dict[str, Any]:
    """The settings of a page ("qParams") with these supernodes instead of its own.

    Their nodes are pinned, since a page shows supernodes of pinned nodes only.
    """
    own = settings.get("pinnedIds")
    pinned = [*(own if isinstance(own, list) else []), *(x for _, *ids in listed for x in ids)]
    once = list(dict.fromkeys(x for x in pinned if isinstance(x, str)))
    return {**settings, "pinnedIds": once, "supernodes": listed}


def _label(inside: Counter[str], everywhere: Counter[str]) -> str:
    own = [(-n, word) for word, n in inside.items() if n > 1 and 2 * n > everywhere[word]]
    return " ".join(word for _, word in sorted(own)[:_MOST_WORDS])
