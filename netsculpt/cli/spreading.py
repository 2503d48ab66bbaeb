"""An option that takes all that follows, up to the next option."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spread_option"]


def spread_option(arguments: Sequence[str], command: str, flag: str) -> list[str]:
    """The arguments with `flag` before each value that follows it, if they are of this command.

    The shell turns ``--against b*.pt`` into one flag and many files, of which an option would take
    the first and leave the others to the first group.

    >>> spread_option(["compare", "a", "--against", "b", "c", "-o", "d"], "compare", "--against")
    ['compare', 'a', '--against', 'b', '--against', 'c', '-o', 'd']
    """
    if command not in arguments[:1]:
        return list(arguments)
    spread: list[str] = []
    is_open = False
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            is_open = argument == flag
            spread.append(argument)
            continue
        if is_open and spread[-1] != flag:
            spread.append(flag)
        spread.append(argument)
    return spread
