"""``netsculpt track``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.inputs import hashes, of_file
from netsculpt.cli.messages import complain, say_interrupted
from netsculpt.cli.model_files import ModelFile, model_files, naturally, require_readable
from netsculpt.cli.options import (
    AsJson,
    FigureOptions,
    Seed,
    choice,
    is_given,
    jobs_option,
    refuse_figures,
    require_writable,
)
from netsculpt.cli.source import Source, SourceOptions, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.catalog import names
from netsculpt.core.folders import MASKS, require_replaceable
from netsculpt.core.forms import FORMS
from netsculpt.studies.folder import PLAN

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph

__all__ = ["track"]

_MAKER = "track"
_RECORD = ".record"


@takes
def track(
    *,
    context: typer.Context,
    run: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="What 'prune', 'sculpt' or 'train --sparse' wrote next to a model; or checkpoints "
            "in the order of time: a folder, whose files are ordered by the numbers in their "
            "names, files, patterns; or the .record of a sparse training.",
        ),
    ],
    net: Annotated[
        Path | None,
        typer.Option(help="With a .record that does not say its net: a model.pt of it."),
    ] = None,
    n_points: Annotated[
        int,
        typer.Option("--points", min=2, max=1000, help="Steps at most, evenly spread."),
    ] = 50,
    detector: Annotated[str, choice(names("detectors"), "Modules at every step: {}.")] = "layered",
    weights: Annotated[
        str, choice(tuple(FORMS), "Weights for modules: {}; of masks (.record, .history): pattern.")
    ] = "balanced",
    n_nulls: Annotated[
        int, typer.Option("--nulls", min=0, max=1_000_000, help="Null networks at every step.")
    ] = 19,
    source: SourceOptions,
    jobs: Annotated[int, jobs_option("Null networks at a time; -1 = one per core.")] = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for page, tables and figures.")
    ] = None,
    as_json: AsJson = False,
    figures: FigureOptions,
) -> None:
    """Follow one network over time: density, live units, paths, and modules with lasting numbers.

    Checkpoints of a training, such as `netsculpt.track.Recorder` writes in a loop of your own;
    models of successive rounds of pruning; or the masks that 'prune', 'sculpt' and 'train --sparse'
    record. A folder of masks is followed by them alone; of a sculpting of several seeds the first
    is followed, unless the folder of another is named. Agreement of modules with those of the step
    before and of the last is to be read next to that of two runs on one network.

    **Examples**

    `netsculpt track run/ -o out`

    `netsculpt track pruned.history -o out`

    `netsculpt track runs/seed-3 -o out`

    `netsculpt track round1.pt round2.pt round3.pt --nulls 100`

    `netsculpt track 'checkpoints/epoch*.pth' --model mypkg.nets:resnet20 --example-shape 1,3,32,32`

    `netsculpt track training.record --net model.pt`
    """
    from netsculpt.report.over_time.networks import Snapshot, watched
    from netsculpt.report.terminal.progress import shown_progress
    from netsculpt.report.terminal.tracked import print_track
    from netsculpt.report.tracked import most_edges, write_snapshots
    from netsculpt.training.track import follow

    refuse_figures(context, output)
    if output is not None:
        require_writable(output)
        require_replaceable(output, _MAKER)
        say_interrupted(output)
    recorded = _recorded(run)
    if net is not None and recorded is None:
        raise typer.BadParameter("it is of a .record: leave it out", param_hint="--net")
    if recorded is not None and weights != "pattern":
        if is_given(context, "weights"):
            raise typer.BadParameter(
                "masks, of a .record or of a .history folder, have no weights: pattern is needed",
                param_hint="--weights",
            )
        weights = "pattern"
    if recorded is not None:
        inputs = hashes([recorded, net])
        n_steps, graphs = _of_record(recorded, net, n_points)
    else:
        files = _chosen(model_files(run), n_points)
        require_readable(files)
        _require_steps(files)
        inputs = hashes([*(file.path for file in files), source.mask])
        n_steps, graphs = len(files), _of_files(files, source)
    snapshots: list[Snapshot] = []
    if output is not None:
        graphs = watched(graphs, snapshots, most_edges(n_steps))
    with shown_progress() as report:
        followed = follow(
            graphs,
            detector=detector,
            form=weights,
            n_nulls=n_nulls,
            rng=seed,
            jobs=jobs,
            progress=lambda done: report("steps", done, n_steps),
        )
    about = {
        "run": [str(path) for path in run],
        "net": None if net is None else str(net),
        "n_points": n_points,
        "detector": detector,
        "weights": weights,
        "n_nulls": n_nulls,
        "seed": seed,
    }
    if output is not None:
        with shown_progress() as progress:
            write_snapshots(
                followed,
                snapshots,
                output,
                about=about,
                inputs=inputs,
                figures=figures.style,
                progress=progress,
            )
    if as_json:
        typer.echo(json.dumps({**about, **followed.summary()}, indent=2, allow_nan=False))
    else:
        print_track(followed, output)


def _require_steps(files: Sequence[ModelFile]) -> None:
    """Raise for a single checkpoint, and name the record of its rounds if one lies next to it."""
    if len(files) != 1:
        return
    path = files[0].path
    folders = path.with_suffix(".history"), path.parent / "history"
    records = [folder for folder in folders if folder.joinpath(MASKS).is_file()]
    here = f": netsculpt track {quote(str(records[0]))}" if records else ""
    raise typer.BadParameter(
        f"{path} is a single checkpoint, and a track is of one network at two steps or more: name "
        "checkpoints in the order of time, or what 'prune', 'sculpt' or 'train --sparse' wrote "
        f"next to the model{here}. Of one checkpoint alone: netsculpt analyze {quote(str(path))}",
        param_hint="RUN",
    )


def _chosen(files: Sequence[ModelFile], n_points: int) -> list[ModelFile]:
    """At most so many files, evenly spread, the first and the last among them."""
    return [files[place] for place in _places(len(files), n_points)]


def _places(n: int, n_points: int) -> list[int]:
    if n <= n_points:
        return list(range(n))
    return [round(index * (n - 1) / (n_points - 1)) for index in range(n_points)]


def _of_files(files: Sequence[ModelFile], options: SourceOptions) -> Iterator[tuple[int, NetGraph]]:
    from netsculpt.training.track.reading import numbered

    steps = numbered([file.path for file in files])
    for step, file in zip(steps, files, strict=True):
        with of_file(file.path):
            graph = load_source(Source(file=file.path, **vars(options))).graph
        yield step, graph


def _recorded(run: Sequence[Path]) -> Path | None:
    """The record that is named, or lies in the folder that is; None: there are checkpoints."""
    if len(run) != 1:
        return None
    if not run[0].is_dir():
        return run[0] if run[0].suffix == _RECORD else None
    found = sorted(run[0].rglob(MASKS), key=naturally)
    if len(found) > 1:
        complain(
            f"{run[0]} holds the masks of {len(found)} networks: {found[0].parent} is followed; "
            "for another, name its folder"
        )
    if not found and run[0].joinpath(PLAN).exists():
        raise typer.BadParameter(
            f"{run[0]} is of a sculpting in which no network was pruned: there is nothing to follow"
        )
    return found[0] if found else None


def _of_record(
    path: Path, net: Path | None, n_points: int
) -> tuple[int, Iterator[tuple[int, NetGraph]]]:
    from netsculpt.files.model import read_model
    from netsculpt.training.dynamic.record import read_record
    from netsculpt.training.dynamic.trajectory import model_graphs
    from netsculpt.training.history import recorded_graphs

    record = read_record(path)
    if net is None and "net" not in record.about:
        raise typer.BadParameter(
            f"{str(path)!r} does not say which net it is of: name a model of it",
            param_hint="--net",
        )
    last = {step: number for number, step in enumerate(record.steps)}  # steps may have several
    steps = list(last)
    chosen = [steps[place] for place in _places(len(steps), n_points)]
    numbers = [last[step] for step in chosen]
    if net is None:
        graphs = recorded_graphs(record, numbers)
    else:
        graphs = model_graphs(record, read_model(net), numbers)
    return len(chosen), zip(chosen, graphs, strict=True)
