"""The state of a study in the terminal."""

from __future__ import annotations

from time import time

from netsculpt.core.counting import counted
from netsculpt.report.durations import duration
from netsculpt.report.terminal._style import console, literal, plain_table
from netsculpt.studies.drivers import Progressed
from netsculpt.studies.status import Status

__all__ = ["print_status"]

MOST = 10  # failures and damaged files that are listed


def print_status(found: Status) -> None:
    """Print how far a study has come, who is running it, what failed and how to resume it."""
    out = console()
    table = plain_table("", "")
    table.show_header = False
    table.add_row("study", literal(found.begun.study))
    counts = {
        "done": found.n_done,
        "running": found.n_running,
        "failed": len(found.failed),
        "left": found.n_left,
    }
    if found.damaged:
        counts["damaged"] = len(found.damaged)
    parts = [f"{n:,} {word}" for word, n in counts.items()]
    table.add_row("cells", f"{found.n_cells:,}: {' · '.join(parts)}")
    if found.seconds_left is not None and found.n_done + len(found.failed) < found.n_cells:
        table.add_row("remaining", f"about {duration(found.seconds_left)}")
    for driver in found.drivers:
        table.add_row(
            "driver",
            f"process {driver.process} on {literal(driver.host)}: {_work(driver.progressed)}; "
            f"last sign {duration(max(0.0, time() - driver.last))} ago",
        )
    for name, reason in list(found.failed.items())[:MOST]:
        last = reason.strip().rpartition("\n")[2]
        table.add_row("failed", f"{literal(name)}: {literal(last)}")
    if len(found.failed) > MOST:
        table.add_row("", f"and {len(found.failed) - MOST} more in failed/")
    for reason in list(found.damaged.values())[:MOST]:
        table.add_row("damaged", literal(reason))
    if len(found.damaged) > MOST:
        table.add_row("", f"and {len(found.damaged) - MOST} more in cells/")
    out.print(table)
    if not found.drivers and found.n_done < found.n_cells:
        out.print(f"It goes on with: {literal(found.begun.line)}", soft_wrap=True)


def _work(driver: Progressed) -> str:
    """Workers of a driver, and what they have done since it began."""
    if not driver.workers:  # it has not claimed a cell, or not yet said so
        return "just begun"
    parts = [counted(driver.workers, "worker"), f"{counted(driver.done, 'cell')} done"]
    if driver.deaths:
        parts.append(f"{counted(driver.deaths, 'worker')} died")
    return ", ".join(parts)
