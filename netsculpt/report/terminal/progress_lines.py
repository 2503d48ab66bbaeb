"""Lines on stderr for work that would be silent for minutes, if it is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from time import monotonic

from netsculpt.core.progress import Progress, silent
from netsculpt.report.durations import duration
from netsculpt.report.terminal.loudness import PREFIX

__all__ = ["printer", "progress_lines", "remaining_lines", "time_lines", "together"]


def progress_lines(stages: Collection[str]) -> Progress:
    """A callback that prints a line when one of these stages begins, and one when it is done.

    Other stages print nothing. If the reader of stderr goes away, the lines stop and the work goes
    on.
    """
    if sys.stderr is None:
        return silent
    begun: dict[str, float] = {}
    stages, say = set(stages), printer()

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in stages:
            return
        if done < total:
            if stage not in begun:
                begun[stage] = monotonic()
                say(f"{stage} …")
        else:
            say(f"{stage}: done in {monotonic() - begun.get(stage, monotonic()):.1f} s")

    return progress


def time_lines() -> Progress:
    """A callback that says of every stage how long it took, when it is done."""
    if sys.stderr is None:
        return silent
    begun: dict[str, float] = {}
    last, say = monotonic(), printer()

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = monotonic()
        if done:
            begun.setdefault(stage, last)
        else:  # also said of stages that are to come: the last time counts
            begun[stage] = now
        if done >= total:
            say(f"{stage}: {now - begun.pop(stage):.2f} s")
        last = now

    return progress


def remaining_lines(every: float = 30.0) -> Progress:
    """A callback that says how much is done and how long the rest takes, every so many seconds.

    The first call may be about what was done before. The first step, in which code may be compiled,
    does not tell how long the others take. If the reader of stderr goes away, the lines
    stop and the work goes on.
    """
    if sys.stderr is None:
        return silent
    since: dict[str, tuple[int, float]] = {}  # steps done, when; at first those before the first
    warm: set[str] = set()
    said, say = monotonic(), printer()

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal said
        now = monotonic()
        before, begun = since.setdefault(stage, (done, now))
        if done > before and stage not in warm:
            warm.add(stage)
            before, begun = since[stage] = done, now
        if now - said < every or stage not in warm:
            return
        said, text = now, f"{stage}: {done:,} of {total:,}"
        if before < done < total:
            left = (total - done) * (now - begun) / (done - before)
            text += f", about {duration(left)} left"
        say(text)

    return progress


def together(*callbacks: Progress) -> Progress:
    """A callback that calls each of several."""

    def progress(stage: str, done: int, total: int) -> None:
        for callback in callbacks:
            callback(stage, done, total)

    return progress


def printer() -> Callable[[str], None]:
    """A function that prints a line on stderr for as long as somebody reads it."""
    is_read = True

    def say(text: str) -> None:
        nonlocal is_read
        if not is_read:
            return
        try:
            sys.stderr.write(f"{PREFIX}{text}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # closed by its reader, or by us
            is_read = False

    return say
