"""An attribution graph's file with other supernodes, and everything else as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from netsculpt.core.progress import silent
from netsculpt.files.json_stream import JsonStream, json_texts
from netsculpt.files.source import Source
from netsculpt.graph.attribution.supernodes import with_supernodes
from netsculpt.loading.attribution.links import is_finite
from netsculpt.loading.attribution.parsed import Parsed
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["rewritten"]

_Edit = tuple[int, int, Iterable[str]]  # first character, one past the last, text for them


def rewritten(file: ParsedFile, listed: list[list[str]]) -> Iterator[str]:
    """The text of the file in parts, with these supernodes; it is read once more, not held.

    Links whose weights are not finite, which no graph has, are left out.
    """
    value: Parsed = file.value
    settings = value.settings
    new = json.dumps(with_supernodes(settings.values, listed), ensure_ascii=False)
    if settings.start == settings.stop:  # the file had none
        new = f'"qParams": {new}, '
    edits: list[_Edit] = [(settings.start, settings.stop, [new])]
    if not is_finite(value.weights).all():
        edits.append((*value.links_at, _finite_links(file.source)))
    return _edited(json_texts(file.source), sorted(edits, key=lambda edit: edit[0]))


def _edited(texts: Iterator[str], edits: list[_Edit]) -> Iterator[str]:
    """The texts with these edits, which are in order and apart."""
    begin = at = 0  # of the part in all texts; first character that is not done
    for text in texts:
        stop = begin + len(text)
        while edits and edits[0][0] < stop:
            start, end, new = edits.pop(0)
            yield text[at - begin : start - begin]
            yield from new
            at = end
        yield text[at - begin :]
        begin, at = stop, max(at, stop)


def _finite_links(source: Source) -> Iterator[str]:
    """The list of links in a file that was read before, without those that are not finite."""
    stream = JsonStream(json_texts(replace(source, progress=silent)), source.where)
    before = "["
    for key in stream:
        if key == "links":
            for links in stream.batches():
                finite = is_finite(np.array([link["weight"] for link in links], np.float64))
                for link in np.array(links, object)[finite]:
                    yield before + json.dumps(link, ensure_ascii=False)
                    before = ", "
        elif key == "nodes":
            for _ in stream.batches():
                pass
        else:
            stream.value()
    yield "[]" if before == "[" else "]"
