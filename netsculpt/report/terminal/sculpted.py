"""The summary of a sweep in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netsculpt.core.printable import printable
from netsculpt.studies.sculpting import Network, Sweep

__all__ = ["print_sweep"]

MAX_NETWORKS = 30  # listed before the rest is only counted


def print_sweep(sweep: Sweep, folder: Path, detectors: list[str]) -> None:
    """Print the sculpted networks, and how often each detector finds their structure."""
    console = Console(highlight=False, emoji=False)
    config, networks = sweep.config, sweep.networks
    task = escape(printable(config.task))
    console.print(
        f"\n[bold]{task}[/bold]  {'-'.join(map(str, config.widths))}, "
        f"{len(sweep.runs)} runs; {len(networks)} of {len(config.seeds)} dense networks reached "
        f"{config.goal_accuracy:.4g}"
    )
    if not networks:
        console.print(
            "Nothing was pruned: train longer (--epochs), wider (--arch) or with another "
            "--learning-rate, or lower --goal-accuracy."
        )
        return
    console.print(_networks(networks, detectors[0] if len(detectors) == 1 else None))
    if len(networks) > MAX_NETWORKS:
        console.print(f"… and {len(networks) - MAX_NETWORKS} more in summary.json")
    if any(verdict is not None for verdict in networks[0].inputs_found.values()):
        console.print(_success(sweep, detectors))
    model = escape(printable(str(folder / networks[0].model)))
    console.print(
        f"Models, runs.csv and summary.json are in [bold]{escape(printable(str(folder)))}[/bold]; "
        f"analyse one with: netsculpt analyze {model}",
        soft_wrap=True,
    )


def _networks(networks: Sequence[Network], detector: str | None) -> Table:
    """One row per network; with a single detector also what it found there."""
    table = Table("seed", "gradients", "weights", "density", "live units", "accuracy", box=None)
    if detector:
        table.add_column("found")
    for network in networks[:MAX_NETWORKS]:
        run = network.run
        table.add_row(
            str(run.seed),
            f"{run.unit_gradient:g}, {run.edge_gradient:g}",
            str(run.weights),
            f"{run.density:.2%}",
            "-".join(map(str, network.live)),
            f"{run.accuracy:.4f}",
            *([_found(network, detector)] if detector else []),
        )
    return table


def _success(sweep: Sweep, detectors: Sequence[str]) -> Table:
    """How often each detector groups inputs and outputs as the task does."""
    table = Table("\ndetector", "networks in which it groups\ninputs", "as the task does\noutputs")
    table.box = None
    for name in detectors:
        table.add_row(name, *("–" if x is None else f"{x:.0%}" for x in sweep.success(name)))
    return table


def _found(network: Network, detector: str) -> str:
    """Which of the true groups a detector found."""
    verdicts = network.inputs_found[detector], network.outputs_found[detector]
    if None in verdicts:
        return "–"
    sides = zip(("inputs", "outputs"), verdicts, strict=True)
    return ", ".join(side for side, right in sides if right) or "neither"
