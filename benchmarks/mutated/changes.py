"""Ways to damage a file: its bytes, its zip members, the numbers and words in its headers."""

from __future__ import annotations

import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

__all__ = ["CHANGES", "mutated"]

Change = Callable[[random.Random, bytes, bytes], bytes | None]  # None: does not apply

SIZES = (0, 1, -1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64)
WORDS = ("", "..", "/etc/passwd", "a\0b", "\ud800", "x" * 3000, "\x1b[31m", "os.system", "=1+1")
VALUES: tuple[Any, ...] = (*SIZES, *WORDS, None, True, 1.5, 1e308, [], {}, [[]], {"a": 1}, [1, 2])
TEXT = re.compile(rb"\d+")


def truncate(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """The beginning."""
    return content[: rng.randrange(len(content))]


def flip(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """A few bits are the other way round."""
    changed = bytearray(content)
    for _time in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """Overwrite some bytes by an extreme number, in either byte order."""
    size = rng.choice((1, 2, 4, 8))
    number = rng.choice(SIZES) % (1 << 8 * size)
    start = rng.randrange(len(content))
    raw = number.to_bytes(size, rng.choice(("little", "big")))
    return content[:start] + raw + content[start + size :]


def splice(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """Replace a part by one of another file."""
    start, stop = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    begin = rng.randrange(len(other))
    length = rng.choice((stop - start, rng.randrange(len(other))))
    return content[:start] + other[begin : begin + length] + content[stop:]


def repeat(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """Repeat a part twice or many times."""
    start, stop = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    part = content[start : min(stop, start + 64)]
    return content[:start] + part * rng.choice((2, 3, 1000)) + content[start:]


def digits(rng: random.Random, content: bytes, _: bytes) -> bytes | None:
    """Replace a number in digits by another, of the same length half of the time."""
    numbers = list(TEXT.finditer(content))
    if not numbers:
        return None
    place = rng.choice(numbers)
    new = str(rng.choice((*SIZES, 10**12, 10**30))).encode()
    if rng.random() < 0.5:
        new = new[: len(place[0])].ljust(len(place[0]), b" ")
    return content[: place.start()] + new + content[place.end() :]


def members(rng: random.Random, content: bytes, other: bytes) -> bytes | None:
    """Zip members are gone, there twice, exchanged, renamed, packed or damaged inside."""
    return _rewritten(rng, content, other, inside=False)


def inside(rng: random.Random, content: bytes, other: bytes) -> bytes | None:
    """One zip member is damaged, with a checksum that fits."""
    return _rewritten(rng, content, other, inside=True)


def values(rng: random.Random, content: bytes, _: bytes) -> bytes | None:
    """A value in a JSON document is of another kind, extreme, gone, or there again."""
    if content[8:9] == b"{":  # safetensors: the header's length stands before it
        length = int.from_bytes(content[:8], "little")
        changed = _other_value(rng, content[8 : 8 + length])
        if changed is None:
            return None
        return len(changed).to_bytes(8, "little") + changed + content[8 + length :]
    return _other_value(rng, content)


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        *(truncate, flip, overwrite, splice, repeat),
        *(digits, members, inside, values),
    )
}


def mutated(rng: random.Random, content: bytes, other: bytes) -> tuple[str, bytes]:
    """How it was changed (once, seldom more often), and what came of it."""
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kinds = list(CHANGES)
        if content[:2] == b"PK":
            kinds += ["inside"] * 6 + ["members"] * 2
        kind = rng.choice(kinds)
        changed = CHANGES[kind](rng, content, other) if content else None
        if changed is not None:
            content = changed
            names.append(kind)
    return "+".join(names) or "nothing", content


def _rewritten(rng: random.Random, content: bytes, other: bytes, *, inside: bool) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:
        return None
    if not entries:
        return None
    packed = zipfile.ZIP_STORED
    index = rng.randrange(len(entries))
    name, data = entries[index]
    if inside:
        texts = [x for x, (_, y) in enumerate(entries) if y[:1] in (b"{", b"\x80", b"\x93")]
        if texts and rng.random() < 0.8:
            index = rng.choice(texts)
            name, data = entries[index]
        kinds: list[Change] = [truncate, flip, overwrite, splice, repeat, digits]
        kinds += [values] * 12 if data[:1] == b"{" else []
        changed = rng.choice(kinds)(rng, data, other) if data else b"\0"
        if changed is None:
            return None
        entries[index] = name, changed
    else:
        kind = rng.choice(("remove", "twice", "exchange", "rename", "pack", "foreign"))
        if kind == "remove":
            del entries[index]
        elif kind == "twice":
            entries.append((name, rng.choice((data, other))))
        elif kind == "exchange":
            to = rng.randrange(len(entries))
            entries[index], entries[to] = (name, entries[to][1]), (entries[to][0], data)
        elif kind == "rename":
            entries[index] = rng.choice((name + "x", "../" + name, "/tmp/x", name.upper())), data
        elif kind == "pack":
            packed = zipfile.ZIP_DEFLATED
            entries[index] = name, data + bytes(rng.choice((0, 10**6)))
        else:
            entries[index] = name, other
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", packed) as archive:
        warnings.simplefilter("ignore")
        for name, data in entries:
            archive.writestr(name, data)
    return stream.getvalue()


def _other_value(rng: random.Random, text: bytes) -> bytes | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    places = list(_places(document))
    if not places:
        return None
    parent, key = rng.choice(places)
    kind = rng.choice(("set", "set", "set", "near", "remove", "copy", "deep"))
    if kind == "remove":
        del parent[key]
    elif kind == "copy":
        elsewhere, there = rng.choice(places)
        parent[key] = json.loads(json.dumps(elsewhere[there]))
    elif kind == "deep":
        parent[key] = "deep"
    elif kind == "near" and isinstance(parent[key], int):
        parent[key] += rng.choice((-1, 1))
    else:
        parent[key] = rng.choice(VALUES)
    depth = rng.choice((10, 900, 100_000))
    nested = b"[" * depth + b"]" * depth
    return json.dumps(document).encode().replace(b'"deep"', nested)


def _places(document: Any) -> Any:
    entries = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(entries):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)
