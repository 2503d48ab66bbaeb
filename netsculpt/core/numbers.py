"""Checks of numbers, where they enter: what was found, what is needed.

A comparison lets NaN through or not by chance, and Python takes True for 1 and 1.5 for a count.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from netsculpt.core.errors import NumberError

__all__ = ["checked_fraction", "checked_number", "checked_whole", "is_number", "is_whole", "shown"]

_WHOLE, _NUMBER = "a whole number", "a finite number"
_LONGEST = 1000  # bits of a number that is shown


def is_whole(value: object) -> bool:
    """Whether a value is an integer of Python or NumPy; True and 1.0 are not.

    >>> [is_whole(value) for value in (3, True, 3.0, "3")]
    [True, False, False, False]
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether a value is a finite real number of Python or NumPy; True is not.

    >>> [is_number(value) for value in (3, 0.5, float("nan"), float("inf"), True, 10**400)]
    [True, True, False, False, False, False]
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def shown(value: object) -> str:
    """A value for a message, shortened; Python refuses to write very long numbers.

    >>> shown(10**6), shown(10**5000)
    ('1000000', 'beyond 2^1000')
    """
    too_long = isinstance(value, int) and value.bit_length() > _LONGEST
    return f"beyond 2^{_LONGEST}" if too_long else f"{value!r:.80}"


def checked_whole(
    value: Any, name: str, *, least: int | None = None, most: int | None = None
) -> int:
    """The value as an int.

    Raises
    ------
    NumberError
        If it is not a whole number, or is below `least` or above `most`.

    Examples
    --------
    >>> checked_whole(1.5, "n_seeds", least=0)
    Traceback (most recent call last):
    netsculpt.core.errors.NumberError: n_seeds is 1.5: a whole number of at least 0 is needed
    """
    good = is_whole(value) and _within(value, least, most)
    if not good:
        raise NumberError(_text(value, name, _range(_WHOLE, least, most)))
    return int(value)


def checked_number(
    value: Any,
    name: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """The value as a float.

    Raises
    ------
    NumberError
        If it is not a finite number, or is out of the range; `above` and `below` are excluded.

    Examples
    --------
    >>> checked_number(float("nan"), "noise", least=0)
    Traceback (most recent call last):
    netsculpt.core.errors.NumberError: noise is nan: a finite number of at least 0 is needed
    """
    good = is_number(value) and _within(value, least, most)
    good = good and (above is None or value > above) and (below is None or value < below)
    if not good:
        raise NumberError(_text(value, name, _range(_NUMBER, least, most, above, below)))
    return float(value)


def checked_fraction(value: Any, name: str) -> float:
    """The value as a float between 0 and 1, both included.

    >>> checked_fraction(1, "density")
    1.0
    """
    return checked_number(value, name, least=0, most=1)


def _within(value: Any, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _text(value: object, name: str, needed: str) -> str:
    return f"{name} is {shown(value)}: {needed} is needed"


def _range(
    kind: str,
    least: float | None,
    most: float | None,
    above: float | None = None,
    below: float | None = None,
) -> str:
    if least is not None and most is not None:
        return f"{kind} from {least:,} to {most:,}"
    limits = {"of at least": least, "above": above, "of at most": most, "below": below}
    given = [f"{word} {limit:,}" for word, limit in limits.items() if limit is not None]
    return " ".join([kind, " and ".join(given)]) if given else kind
