"""The report of a sculpting in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import command, console, literal, plain_table, written
from netsculpt.studies.sculpting import Network, Sweep

__all__ = ["print_sweep"]

MAX_NETWORKS = 30  # listed; the rest is only counted


def print_sweep(sweep: Sweep, folder: Path, detectors: list[str]) -> None:
    """Print the networks that are left, and how often their structure was found."""
    out = console()
    n_seeds, networks = len(sweep.config.seeds), sweep.networks
    net = sweep.config.net or "-".join(map(str, sweep.config.widths))
    judged = "network" if sweep.config.published else "dense network"
    out.print(
        f"\n[bold]{literal(sweep.config.task)}[/bold]  {literal(net)}, "
        f"{counted(len(sweep.runs), 'run')}; {len(networks)} of {counted(n_seeds, judged)} reached "
        f"an accuracy of {100 * sweep.config.goal_accuracy:.6g} %"
    )
    if not networks:
        out.print(
            "Nothing was pruned: train longer (--epochs), wider (--arch, --net) or with another "
            "--learning-rate, or lower --goal-accuracy."
        )
        written(folder, f"What was tried is in [bold]{literal(folder)}[/bold].")
        return
    out.print(_networks(networks, detectors[0] if len(detectors) == 1 else None))
    if len(networks) > MAX_NETWORKS:
        out.print(f"… and {len(networks) - MAX_NETWORKS} more in summary.json")
    if any(verdict is not None for verdict in networks[0].inputs_found.values()):
        out.print()
        out.print(_success(sweep, detectors))
        out.print()
    written(
        folder,
        f"Models, runs.csv and summary.json are in [bold]{literal(folder)}[/bold]; read one with:",
    )
    # Whole in one line, however long, so that it can be copied.
    out.print(command("analyze", folder / networks[0].model), soft_wrap=True)


def _networks(networks: Sequence[Network], detector: str | None) -> Table:
    """One row per network; with a single detector also what it found there."""
    table = plain_table("seed", "gradients", "weights", "density", "live units", "accuracy")
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
    table = plain_table("grouped as in the task", "inputs", "outputs")
    for name in detectors:
        shares = sweep.success(name)
        table.add_row(name, *("–" if share is None else f"{share:.0%}" for share in shares))
    return table


def _found(network: Network, detector: str) -> str:
    """Which of the true groups the detector found."""
    verdicts = network.inputs_found[detector], network.outputs_found[detector]
    if None in verdicts:
        return "–"
    right = [end for end, is_right in zip(("inputs", "outputs"), verdicts, strict=True) if is_right]
    return ", ".join(right) or "neither"
