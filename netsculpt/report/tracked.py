"""The folder of a network followed over time: tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.errors import GraphError
from netsculpt.core.figure_style import ALL_FIGURES, FigureStyle
from netsculpt.core.progress import Progress
from netsculpt.graph.npz import save
from netsculpt.report.drawing import Drawing
from netsculpt.report.html.tracked import TRACK
from netsculpt.report.html.tracked.contents import TrackContents
from netsculpt.report.html.tracked.page import track_page
from netsculpt.report.over_time.networks import networks_of, snapshot
from netsculpt.report.over_time.storing import GRAPH, STEPS, write_steps
from netsculpt.report.results import Results, write_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.graph.graph import NetGraph
    from netsculpt.report.over_time.networks import Snapshot
    from netsculpt.training.track import Track

__all__ = ["most_edges", "write_snapshots", "write_track"]

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
    graphs: Iterable[tuple[int, NetGraph]],
    folder: str | Path,
    *,
    figures: FigureStyle = ALL_FIGURES,
    progress: Progress | None = None,
) -> None:
    """Write the page, the tables, the networks and the figures of a network over time.

    As `netsculpt track -o` does, except that the page does not say what was read.

    Parameters
    ----------
    track
        What `netsculpt.track.follow` returned.
    graphs
        The same pairs of a step and a network once more, such as `netsculpt.track.graphs_of` yields
        again; one is in memory at a time.
    folder
        What an earlier track has left in it is replaced; see
        `netsculpt.core.folders.replaced_folder`.
    figures
        How figures are drawn.
    progress
        Called with (stage, figures drawn, figures in all).

    Raises
    ------
    GraphError
        If the networks are of other steps or units than those that were followed.
    """
    most = most_edges(len(track.steps))
    snapshots = [snapshot(step, graph, most) for step, graph in graphs]
    write_snapshots(
        track, snapshots, Path(folder), about={}, inputs=(), figures=figures, progress=progress
    )


def write_snapshots(
    track: Track,
    snapshots: Sequence[Snapshot],
    folder: Path,
    *,
    about: Mapping[str, Any],
    inputs: Sequence[str],
    figures: FigureStyle,
    progress: Progress | None = None,
) -> None:
    """Write report.html, summary.json, three tables (*.csv), the networks, and figures.

    `snapshots` are of the networks that were followed, as `watched` keeps them; graph.npz has all
    units and edges of theirs, steps.npz what differs from step to step. `about` may name the run
    and the seed, `inputs` are the hashes of what was read. For what happens to other files see
    `netsculpt.core.folders.replaced_folder`.
    """
    found = tuple(each.step for each in snapshots)
    if found != track.steps:
        raise GraphError(
            f"networks are of steps {list(found)!r:.80}, the track of {list(track.steps)!r:.80}: "
            "the networks that were followed are needed"
        )
    networks = networks_of(snapshots)
    if networks.graph.n_units != len(track.units):
        raise GraphError(
            f"networks have {networks.graph.n_units:,} units, the track has {len(track.units):,}: "
            "the networks that were followed are needed"
        )
    tables = {"track": track.table(), "layers": track.layers(), "modules": track.modules()}
    tall = _TALL.get(figures.width, 1.5)
    drawings: list[Drawing] = [("profile", tall, partial(_profile, track))]
    if track.labels.max(initial=-1) >= 0:
        drawings.append(("modules", 0.6, partial(_modules, track)))
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
        seed=about.get("seed"),
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
