"""An attribution graph's file with other supernodes, and everything else as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator

from netsculpt.files.json_stream import json_texts
from netsculpt.graph.attribution.supernodes import with_supernodes
from netsculpt.loading.attribution.parsed import Settings
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["rewritten"]


def rewritten(file: ParsedFile, listed: list[list[str]]) -> Iterator[str]:
    """The text of the file in parts, with these supernodes; it is read once more, not held."""
    settings: Settings = file.value.settings
    new = json.dumps(with_supernodes(settings.values, listed), ensure_ascii=False)
    if settings.start == settings.stop:  # the file had none
        new = f'"qParams": {new}, '
    place = 0
    for text in json_texts(file.source):
        stop = place + len(text)
        if place <= settings.start < stop:
            yield text[: settings.start - place]
            yield new
        elif stop <= settings.start:
            yield text
        yield text[max(settings.stop - place, 0) :] if stop > settings.start else ""
        place = stop
