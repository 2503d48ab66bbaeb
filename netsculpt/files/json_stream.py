"""A JSON object too large to be held in memory, one value or a batch of list items at a time."""

from __future__ import annotations

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.source import Source

__all__ = ["JsonStream", "begins_json", "json_texts"]

_CHUNK: Final = 1 << 20  # bytes
_MB: Final = 1_000_000
_LONGEST: Final = 1 << 24  # characters of one value
_GZIP: Final = b"\x1f\x8b"
_WINDOW: Final = 31  # zlib's word for gzip
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


def begins_json(source: Source) -> bytes:
    """The first bytes of a file's text, unpacked if it is a gzip file; b"" if that fails."""
    if not source.head.startswith(_GZIP):
        return source.head
    try:
        return zlib.decompressobj(_WINDOW).decompress(source.head, len(source.head))
    except zlib.error:
        return b""


def json_texts(source: Source) -> Iterator[str]:
    """The text of a file in parts, unpacked if it is a gzip file.

    `Source.progress` hears how much of the file has been read and used, in MB as it is stored.

    Raises
    ------
    FormatError
        If it is not UTF-8, or a gzip file that is damaged or cut off.
    LimitError
        If it unpacks to more than `Source.max_bytes`, or to suspiciously many.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in _chunks(source):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{source.where} is not text in UTF-8 ({error.reason}): write it again, or fetch it "
            "again"
        ) from None


def _chunks(source: Source) -> Iterator[bytes]:
    stage, total = f"reading {source.where}, MB", -(-source.n_bytes // _MB)
    source.progress(stage, 0, total)
    with source.path.open("rb") as stream:
        if not source.head.startswith(_GZIP):
            for chunk in iter(partial(stream.read, _CHUNK), b""):
                yield chunk
                source.progress(stage, min(-(-stream.tell() // _MB), total), total)
            return
        n_bytes, unpacked = 0, gzip.GzipFile(fileobj=stream)
        try:
            while chunk := unpacked.read(_CHUNK):
                n_bytes += len(chunk)
                source.check_unpacked(n_bytes)
                yield chunk
                source.progress(stage, min(-(-stream.tell() // _MB), total), total)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise FormatError(
                f"{source.where} is a gzip file that is cut off or damaged: fetch it again"
            ) from None


class JsonStream:
    """Reads one JSON object from parts of its text.

    Go through its keys; for each, take its `value` or, of a list, its items in `batches`. At most
    one value and one part of the text are held.

    Examples
    --------
    >>> stream = JsonStream(iter(['{"a": [1, 2', '3], "b": {', '"c": null}}']), "'x.json'")
    >>> for key in stream:
    ...     print(key, list(stream.batches()) if key == "a" else stream.value())
    a [[1], [23]]
    b {'c': None}
    """

    def __init__(self, texts: Iterator[str], where: str) -> None:
        self._texts, self._where = texts, where
        self._text, self._at = "", 0
        self._before = 0  # characters before `_text`
        self.opened = 0  # characters up to the first key

    @property
    def place(self) -> int:
        """Characters read so far, of the whole text."""
        return self._before + self._at

    def __iter__(self) -> Iterator[str]:
        """The keys of the object; the value of each has to be read before the next one."""
        self._take("{")
        self.opened = self.place
        seen: set[str] = set()
        after = self._take("}") if self._peek() == "}" else ","
        while after == ",":
            key = self.value()
            if not isinstance(key, str) or key in seen:
                raise FormatError(
                    f"{self._where} has the key {key!r:.80} where one in quotes is needed that it "
                    "has not had before"
                )
            seen.add(key)
            self._take(":")
            self._peek()
            yield key
            after = self._take(",}")
        if self._peek():
            raise self._error("the end of the file is needed")

    def value(self) -> Any:
        """The next value, whole."""
        while True:
            if not self._peek():
                raise self._error("the file is cut off")
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise FormatError(
                    f"{self._where} has a value at character {self.place} in which lists or "
                    "objects are nested too deeply to be read: write it again, flat"
                ) from None
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > _LONGEST:
                    raise LimitError(
                        f"{self._where} has a value at character {self.place} that does not end "
                        f"within {_LONGEST} characters: shorter ones are needed"
                    ) from None
                if not self._more():
                    raise self._error(error.msg) from None
            else:
                if end < len(self._text) or not self._more():  # a number may go on
                    self._at = end
                    return value

    def batches(self) -> Iterator[list[Any]]:
        """The items of the next value, which is a list, some at a time."""
        if self._take("[") and self._peek() == "]":
            self._take("]")
            return
        tried = -1  # the text on which whole batches failed: a string holds "},", or the list ends
        while True:
            batch = None if tried == self._before else self._batch()
            if batch is not None:
                yield batch
                self._more()
                continue
            tried = self._before
            yield [self.value()]
            if self._take(",]") == "]":
                return

    def _batch(self) -> list[Any] | None:
        """All items up to the last comma after an object; None if that is not where one ends."""
        end = self._text.rfind("},", self._at) + 1
        if not end:
            return None
        try:
            batch: list[Any] = _DECODER.decode(f"[{self._text[self._at : end]}]")
        except (json.JSONDecodeError, RecursionError):
            return None
        self._at = end + 1
        return batch

    def _more(self) -> bool:
        """Forget what has been read, and add the next part of the text."""
        for text in self._texts:
            if text:
                self._before += self._at
                self._text, self._at = self._text[self._at :] + text, 0
                return True
        return False

    def _peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self, allowed: str) -> str:
        character = self._peek()
        if not character or character not in allowed:
            raise self._error(f"{' or '.join(allowed)} is needed")
        self._at += 1
        return character

    def _error(self, needed: str) -> FormatError:
        return FormatError(
            f"{self._where} is not JSON at character {self.place}: {needed}; it is cut off or "
            "damaged, fetch or write it again"
        )
