"""Pages as a reader of HTML sees them, and their packed data, read as `packed` documents them."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = {"u1": "u1", "u2": "<u2", "u4": "<u4", "i2": "<i2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}


class Elements(HTMLParser):
    """What a browser would make of a page: elements, and texts of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data


def unpacked(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """The reverse of `packed`, written from its docstring."""
    content = zlib.decompress(base64.b64decode(text))
    start = 4 + int.from_bytes(content[:4], "little")
    header = json.loads(content[4:start])
    arrays = {}
    for name, kind, size, differences in header["arrays"]:
        width = np.dtype(NUMBERS[kind]).itemsize
        planes = np.frombuffer(content[start : start + size * width], np.uint8)
        array = planes.reshape(width, size).T.copy().view(NUMBERS[kind]).reshape(-1)
        arrays[name] = np.cumsum(array, dtype=array.dtype) if differences else array
        start += size * width
    assert start == len(content)
    return header["about"], arrays


def data_of(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """The packed data of a page."""
    text = path.read_text("utf-8")
    found = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', text)
    assert found is not None
    return unpacked(found[1])
