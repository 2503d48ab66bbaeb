"""The folder of a network followed over time: tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.progress import Progress
from netsculpt.report.drawing import Drawing
from netsculpt.report.results import Drawn, Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.training.track import Track

__all__ = ["write_track"]

_MAKER: Final = "track"
_TALL: Final = {"neurips": 1.1, "nature-double": 0.9}  # height ÷ width, if the column is wide
_PANELS: Final = (  # columns and the label of their axis
    (("live_hidden", "live_edges"), "share"),
    (("log10_paths",), ""),
    (("quality", "delta"), "modularity"),
    (("n_modules",), ""),
    (("ami_before", "ami_last", "ami_rerun"), "AMI"),
)


def write_track(
    track: Track,
    folder: Path,
    *,
    about: Mapping[str, Any],
    inputs: Sequence[str],
    figures: Drawn,
    progress: Progress | None = None,
) -> None:
    """Write summary.json, track.csv, layers.csv, modules.csv, and figures of profiles and modules.

    `about` names the run and the seed, `inputs` are the hashes of what was read. For what happens
    to other files see `netsculpt.core.folders.replaced_folder`.
    """
    tables = {"track": track.table(), "layers": track.layers(), "modules": track.modules()}
    tall = _TALL.get(figures.column, 1.5)
    drawings: list[Drawing] = [("profile", tall, partial(_profile, track))]
    if track.labels.max(initial=-1) >= 0:
        drawings.append(("modules", 0.6, partial(_modules, track)))
    write_results(
        Results(_MAKER, tables, track.summary(), drawings),
        folder,
        arguments=about,
        seed=about["seed"],
        inputs=inputs,
        figures=figures.formats,
        width=figures.column,
        progress=progress,
    )


def _profile(track: Track, figure: Figure) -> None:
    from netsculpt import plots

    rows = figure.subplots(1 + len(_PANELS), 1, sharex=True)
    plots.track_layers(track, ax=rows[0])
    for ax, (columns, label) in zip(rows[1:], _PANELS, strict=True):
        plots.track_lines(track, columns, label=label, ax=ax)
    for ax in rows[:-1]:
        ax.set_xlabel("")
    figure.align_ylabels()


def _modules(track: Track, figure: Figure) -> None:
    from netsculpt import plots

    plots.module_history(track, ax=figure.add_subplot())
