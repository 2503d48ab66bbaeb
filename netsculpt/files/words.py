"""Names from a file for use in messages: quoted, escaped, shortened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netsculpt.core.printable import printable

__all__ = ["byte_count", "counts", "listed", "quoted", "reason", "shape", "shown"]

_LONGEST = 80
_MOST = 12


def shown(text: str) -> str:
    r"""The text as one short line without control characters or lone surrogates.

    >>> shown("a\nb")
    'a\\nb'
    """
    line = printable(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def quoted(name: object) -> str:
    """A name in quotes."""
    return f"'{shown(str(name))}'"


def reason(error: Exception) -> str:
    """The first line of an error of another library, or its type if it has no text."""
    return shown(str(error).strip().partition("\n")[0] or type(error).__name__)


def listed(names: Iterable[object]) -> str:
    """The first dozen names, sorted."""
    ordered = sorted(map(str, names))
    rest = f" and {len(ordered) - _MOST} more" if len(ordered) > _MOST else ""
    return ", ".join(map(shown, ordered[:_MOST])) + rest


def counts(numbers: Mapping[str, int]) -> str:
    """Names in quotes with their numbers, without those of 0.

    >>> counts({"fc1.weight": 2, "fc2.weight": 0, "fc3.weight": 1})
    "'fc1.weight' (2), 'fc3.weight' (1)"
    """
    return ", ".join(f"{quoted(name)} ({n})" for name, n in numbers.items() if n)


def byte_count(n: int) -> str:
    """A number of bytes; a forged one may have more digits than Python prints.

    >>> byte_count(12), byte_count(10**5000)
    ('12 bytes', 'more than 2^63 bytes')
    """
    return f"{n} bytes" if n < 1 << 63 else "more than 2^63 bytes"


def shape(sizes: Sequence[int]) -> str:
    """A shape in torch's form, "[64, 128]"."""
    return str([int(size) for size in sizes])
