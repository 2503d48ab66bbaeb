"""How long null networks and runs for stability will take, said once the first ones are there."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from netsculpt.core.counting import counted
from netsculpt.core.parallel import n_workers
from netsculpt.core.progress import Progress, silent
from netsculpt.report.durations import duration
from netsculpt.report.terminal.loudness import loudness
from netsculpt.report.terminal.progress_lines import printer

if TYPE_CHECKING:
    from netsculpt.pipeline import AnalysisPlan

__all__ = ["estimate_lines"]

_LEAST = 10.0  # seconds that are worth a line
_LONG = 60.0  # seconds that are worth a remedy
_FASTER = "-j -1 shares them among all cores, --nulls asks for fewer"
_COMPILED = 60.0  # seconds; the first run may also compile code, which takes less
_NULLS, _RUNS = ": null networks", ": stability"  # stages of `netsculpt.analyze`


def estimate_lines(plan: AnalysisPlan, jobs: int = 1) -> Progress:
    """A callback that says on stderr how long each detector will take, and how many follow it.

    A run for stability takes about as long as a null network: both find modules once. `jobs` of
    them are worked on at a time.
    """
    if loudness() == "quiet":
        return silent
    first: dict[str, tuple[float, float]] = {}  # when a stage began, when its first run was done
    totals: dict[str, int] = {}
    said: set[str] = set()
    say, keys, workers = printer(), list(plan.keys.values()), n_workers(jobs)

    def progress(stage: str, done: int, total: int) -> None:
        key = stage.removesuffix(_NULLS).removesuffix(_RUNS)
        if key == stage or key in said:
            return
        totals[stage], now = total, monotonic()
        if done < 2:
            begun, _ = first.setdefault(stage, (now, now))
            first[stage] = begun, now
        begun, ended = first.get(stage, (now, now))
        at_a_time = min(workers, total)
        one = now - ended if done > at_a_time else now - begun if now - begun > _COMPILED else None
        if not done or one is None:
            return
        said.add(key)
        n_nulls = total if stage.endswith(_NULLS) else 0
        n_runs = totals.get(key + _RUNS, 0)
        seconds = one * (n_nulls + n_runs) / at_a_time
        if seconds < _LEAST:
            return
        parts = [counted(n_nulls, "null network")] if n_nulls else []
        parts += [f"{counted(n_runs, 'run')} for stability"] if n_runs else []
        n_more = len(keys) - keys.index(key) - 1 if key in keys else 0
        more = f"; {counted(n_more, 'detector')} to follow" if n_more else ""
        if seconds >= _LONG and at_a_time == 1:
            more += f"; {_FASTER}"
        say(f"{key}: {' and '.join(parts)} will take about {duration(seconds)}{more}")

    return progress
