"""The folder of a network followed over time: tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.progress import Progress
from netsculpt.graph.npz import save
from netsculpt.report.drawing import Drawing
from netsculpt.report.html.tracked import TRACK
from netsculpt.report.html.tracked.contents import TrackContents
from netsculpt.report.html.tracked.page import track_page
from netsculpt.report.results import Drawn, Results, write_results
from netsculpt.training.track.networks import networks_of
from netsculpt.training.track.storing import GRAPH, STEPS, write_steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.training.track import Track
    from netsculpt.training.track.networks import Snapshot

__all__ = ["most_edges", "write_track"]

_MOST_EDGES: Final = (1_000_000, 3_000_000)  # kept of one step for the page, and of all
_TALL: Final = {"neurips": 1.1, "nature-double": 0.9}  # height ÷ width, if the column is wide
_PANELS: Final = (  # columns and the label of their axis
    (("live_hidden", "live_edges"), "share"),
    (("log10_paths",), ""),
    (("quality", "delta"), "modularity"),
    (("n_numbered",), "modules\nof 2+ units"),  # of one unit a dense network may have hundreds
    (("ami_before", "ami_last", "ami_rerun"), "AMI"),
)


def most_edges(n_steps: int) -> int:
    """How many edges of each of so many steps the page can take."""
    one, every = _MOST_EDGES
    return min(one, every // max(n_steps, 1))


def write_track(
    track: Track,
    snapshots: Sequence[Snapshot],
    folder: Path,
    *,
    about: Mapping[str, Any],
    inputs: Sequence[str],
    figures: Drawn,
    progress: Progress | None = None,
) -> None:
    """Write report.html, summary.json, three tables (*.csv), the networks, and figures.

    `snapshots` are of the networks that were followed, as `watched` keeps them; graph.npz has all
    units and edges of theirs, steps.npz what differs from step to step. `about` names the run and
    the seed, `inputs` are the hashes of what was read. For what happens to other files see
    `netsculpt.core.folders.replaced_folder`.
    """
    tables = {"track": track.table(), "layers": track.layers(), "modules": track.modules()}
    tall = _TALL.get(figures.column, 1.5)
    drawings: list[Drawing] = [("profile", tall, partial(_profile, track))]
    if track.labels.max(initial=-1) >= 0:
        drawings.append(("modules", 0.6, partial(_modules, track)))
    networks = networks_of(snapshots)
    columns = {f"module_{track.detector}": track.labels, **networks.columns}
    networks = replace(networks, columns=columns)
    others = {
        GRAPH: partial(save, networks.graph),
        STEPS: partial(write_steps, networks),
    }
    summary = track.summary()

    def page(figures: Mapping[str, bytes]) -> str:
        return track_page(TrackContents({**about, **summary}, networks, figures))

    write_results(
        Results(TRACK, tables, summary, drawings, others, page),
        folder,
        arguments=about,
        seed=about["seed"],
        inputs=inputs,
        figures=figures,
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
