"""What happened to the networks of a sculpting: a folder for each, and one figure of all."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.folders import MASKS
from netsculpt.core.progress import Progress, silent
from netsculpt.report.drawing import Drawing, write_drawings
from netsculpt.report.history import write_history

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from netsculpt.studies.sculpting import Sweep
    from netsculpt.training.history import History

__all__ = ["write_histories"]

_MAKER: Final = "sculpt"
_STAGE: Final = "writing histories"


def write_histories(
    sweep: Sweep, folder: Path, *, figures: FigureStyle, progress: Progress | None = None
) -> None:
    """Write seed-N/history/ for each network, and figures/accuracy_vs_density of all.

    For what is in each see `netsculpt.report.history.write_history`; the masks are there already.
    """
    from netsculpt.training.dynamic.record import read_record
    from netsculpt.training.history import sculpting_history

    report = progress or silent
    histories: dict[str, History] = {}
    for done, network in enumerate(sweep.networks, start=1):
        run = network.run
        record = read_record(folder / run.history / MASKS)
        history = sculpting_history(record, sweep.rounds[run.seed])
        histories[f"seed {run.seed}"] = history
        about = {"task": sweep.config.task, "net": dict(sweep.config.spec.spec)}
        write_history(
            history,
            folder / run.history,
            _MAKER,
            arguments={
                **about,
                "model": network.model,
                "unit_gradient": run.unit_gradient,
                "edge_gradient": run.edge_gradient,
                "goal_accuracy": sweep.config.goal_accuracy,
            },
            seed=run.seed,
            figures=figures,
        )
        report(_STAGE, done, len(sweep.networks))
    if histories:
        drawing: Drawing = ("accuracy_vs_density", 0.5, partial(_accuracy, histories))
        write_drawings([drawing], folder / "figures", figures)


def _accuracy(histories: Mapping[str, History], figure: Figure) -> None:
    from netsculpt import plots

    plots.accuracy_vs_density(histories, ax=figure.add_subplot())
