"""What a person reads in the terminal after sculpting."""

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


def print_sweep(found: Sweep, folder: Path, detectors: list[str]) -> None:
    """Print the networks that are left, and how often their structure was found."""
    console = Console(highlight=False, emoji=False)
    n_seeds, networks = len(found.plan.seeds), found.networks
    task = escape(printable(found.plan.task))
    console.print(
        f"\n[bold]{task}[/bold]  {'-'.join(map(str, found.plan.widths))}, "
        f"{len(found.runs)} runs; {len(networks)} of {n_seeds} dense networks reached "
        f"{found.plan.goal_accuracy:.4g}"
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
        console.print(_success(found, detectors))
    model = escape(printable(str(folder / networks[0].model)))
    console.print(
        f"Models, runs.csv and summary.json are in [bold]{escape(printable(str(folder)))}[/bold]; "
        f"read one with: netsculpt analyze {model}",
        soft_wrap=True,
    )


def _networks(networks: Sequence[Network], detector: str | None) -> Table:
    """One row a network; with a single detector also what it found there."""
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


def _success(found: Sweep, detectors: Sequence[str]) -> Table:
    """How often each detector groups inputs and outputs as the task does."""
    table = Table("\ndetector", "networks in which it groups\ninputs", "as the task does\noutputs")
    table.box = None
    for name in detectors:
        table.add_row(name, *("–" if x is None else f"{x:.0%}" for x in found.success(name)))
    return table


def _found(network: Network, detector: str) -> str:
    """Whose true groups the detector found."""
    verdicts = network.inputs_found[detector], network.outputs_found[detector]
    if None in verdicts:
        return "–"
    found = [what for what, right in zip(("inputs", "outputs"), verdicts, strict=True) if right]
    return ", ".join(found) or "neither"
