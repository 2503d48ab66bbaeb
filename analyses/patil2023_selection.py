"""What choosing the training by its success does to a success rate.

The networks published with Neural Sculpting are of the same four seeds everywhere, trained with
another learning rate, batch size and number of epochs for each architecture; how these were chosen
is not said. Here they are chosen by how many of four seeds show the reused function, and what is
chosen is tried on seeds that had no say.

    python analyses/patil2023_selection.py -o OUT --jobs 4
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

import pandas as pd
from patil2023.cells import GRIDS
from patil2023.truth import judge, truth_of
from rich.console import Console
from rich.table import Table

from netsculpt.core.parallel import in_parallel
from netsculpt.graph.matrices import from_matrices
from netsculpt.modules import sculpting
from netsculpt.nets.families import MLP
from netsculpt.report.terminal.progress import progress_bars
from netsculpt.training.sculpting.retraining import SCULPTING
from netsculpt.training.sculpting.sculpt import sculpt
from netsculpt.training.tasks import task

TASK, PUBLISHED_TASK = "reused-use-8", (4, 1, 2, 16)
TUNED, FRESH = "seeds chosen by", "fresh seeds"


@dataclass(frozen=True)
class Config:
    """Which settings are tried, on which seeds."""

    widths: tuple[int, ...] = (24, 36, 48)  # of three hidden layers
    learning_rates: tuple[float, ...] = (0.05, 0.1)
    batch_sizes: tuple[int, ...] = (8, 16)
    epochs: tuple[int, ...] = (20, 30, 40, 60, 80, 120)
    n_tuned: int = 4  # networks that settings are chosen by; the paper shows four
    n_fresh: int = 20
    grid: str = "published"  # of gradients, one of GRIDS
    jobs: int = 2


QUICK = Config(
    widths=(24,), learning_rates=(0.1,), batch_sizes=(16,), epochs=(20, 40), n_fresh=4,
    grid="smallest",
)  # fmt: skip


def main(config: Config, out: Path) -> None:
    """Try every setting, choose, try the chosen again; write and print."""
    tried = list(product(config.widths, config.learning_rates, config.batch_sizes, config.epochs))
    rows = pd.DataFrame(_run(config, tried))
    means = rows.groupby(["width", "learning_rate", "batch_size", "epochs", "seeds"], sort=False)
    rates = means.agg(networks=("found", "size"), rate=("found", "mean"), kept=("kept", "mean"))
    rates = rates.reset_index()
    chosen = _chosen(rates, config.n_tuned)
    out.mkdir(parents=True, exist_ok=True)
    rates.to_csv(out / "settings.csv", index=False)
    chosen.to_csv(out / "chosen.csv", index=False)
    manifest = {
        "schema": "netsculpt.manifest/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "analysis": Path(__file__).stem,
        "arguments": asdict(config),
        "versions": {name: version(name) for name in ("netsculpt", "numpy", "torch")},
        "python": platform.python_version(),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    _print(chosen)


def _run(config: Config, tried: list[tuple[int, float, int, int]]) -> Iterator[dict[str, object]]:
    with progress_bars() as progress:
        runs = in_parallel(partial(_networks, config, tried), len(tried), config.jobs)
        for done, found in enumerate(runs, start=1):
            if progress:
                progress("settings", done, len(tried))
            yield from found


def _networks(
    config: Config, tried: list[tuple[int, float, int, int]], at: int
) -> list[dict[str, object]]:
    """Networks of one setting: of each seed the sparsest, and whether it shows the truth."""
    width, rate, batch_size, epochs = tried[at]
    wanted, grid = config.n_tuned + config.n_fresh, GRIDS[config.grid]
    found = sculpt(
        MLP((4, width, width, width, 16)),
        task(TASK),
        replace(SCULPTING, epochs=epochs, batch_size=batch_size, learning_rate=rate),
        seeds=range(2 * wanted),
        unit_gradients=grid.unit_gradients,
        edge_gradients=grid.edge_gradients,
    )
    rows: list[dict[str, object]] = []
    for n, replica in enumerate(found.sparsest()[:wanted]):
        state, masks = found.replicas.state(replica)
        weights = [state[name].numpy() for name in masks]
        graph = from_matrices(weights, [mask.numpy() for mask in masks.values()])
        verdict = judge(graph, sculpting(graph), truth_of(PUBLISHED_TASK))
        rows.append(
            {
                "width": width,
                "learning_rate": rate,
                "batch_size": batch_size,
                "epochs": epochs,
                "seeds": TUNED if n < config.n_tuned else FRESH,
                "found": verdict["reused"],
                "kept": graph.n_edges,
            }
        )
    return rows


def _chosen(rates: pd.DataFrame, n_tuned: int) -> pd.DataFrame:
    """For each width the setting with the best rate, sparsest of equals, and its fresh rate."""
    setting = ["width", "learning_rate", "batch_size", "epochs"]
    tuned = rates[(rates["seeds"] == TUNED) & (rates["networks"] == n_tuned)]
    fresh = rates[rates["seeds"] == FRESH]
    best = tuned.sort_values(["rate", "kept"], ascending=[False, True]).groupby("width").head(1)
    table = best.merge(fresh, on=setting, suffixes=("", "_fresh"))
    table = table.merge(
        tuned.groupby("width").agg(settings=("rate", "size"), rate_of_all=("rate", "mean")),
        on="width",
    )
    return table.sort_values("width").drop(columns=["seeds", "seeds_fresh"])


def _print(chosen: pd.DataFrame) -> None:
    table = Table(
        *("width", "settings tried", "their mean rate", "best: lr, batch, epochs"),
        *("its rate", "on fresh seeds", "edges"),
        title="reused function found, three hidden layers (paper: 0.92 of 12)",
    )
    for row in chosen.to_dict("records"):
        table.add_row(
            str(row["width"]),
            str(row["settings"]),
            f"{row['rate_of_all']:.2f}",
            f"{row['learning_rate']:g}, {row['batch_size']}, {row['epochs']}",
            f"{row['rate']:.2f} of {row['networks']}",
            f"{row['rate_fresh']:.2f} of {row['networks_fresh']}",
            f"{row['kept']:.1f}",
        )
    Console().print(table)


def _arguments() -> tuple[Config, Path]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("results/patil2023_selection"))
    parser.add_argument("--quick", action="store_true", help="two settings, within a minute")
    parser.add_argument("--jobs", type=int, default=2, help="processes (-1: all cores)")
    given = parser.parse_args()
    return replace(QUICK if given.quick else Config(), jobs=given.jobs), given.out


if __name__ == "__main__":
    main(*_arguments())
