"""``netsculpt compare``."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from netsculpt.cli.inputs import hashes, of_file
from netsculpt.cli.messages import note, say_interrupted
from netsculpt.cli.model_files import ModelFile, model_files, require_readable
from netsculpt.cli.options import (
    DATA_AWARE,
    AsJson,
    FigureOptions,
    PlanOptions,
    Seed,
    choice,
    chosen_detectors,
    jobs_option,
    refuse_figures,
    refuse_options,
    require_writable,
)
from netsculpt.cli.pairing import PAIRINGS, pairing_of
from netsculpt.cli.requests import Request, ready
from netsculpt.cli.running import analysed
from netsculpt.cli.source import FILE_HELP, Loaded, Source, SourceOptions
from netsculpt.cli.takes import takes
from netsculpt.core.counting import counted
from netsculpt.core.folders import require_replaceable
from netsculpt.core.parallel import in_parallel

__all__ = ["compare"]

_MAKER = "compare"


@takes
def compare(
    *,
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help=f"Two models, or a group of them. {FILE_HELP}"),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="B…", help="A second group: files, folders and patterns up to the next option."
        ),
    ] = None,
    units: Annotated[
        str,
        choice(
            PAIRINGS,
            "Of two models, which unit is which: {}. 'auto' takes units at the same place for the "
            "same if both files name the same initial weights, or if weights at the same places "
            "correlate far above chance, and else matches them by paths; it says which.",
        ),
    ] = "auto",
    task: Annotated[
        str | None,
        typer.Option(help="Data for --units activations, as in 'sculpt'; of models of netsculpt."),
    ] = None,
    n_permutations: Annotated[
        int,
        typer.Option(
            "--permutations", min=1, max=10_000_000, help="Of two groups, if all are too many."
        ),
    ] = 9999,
    source: SourceOptions,
    plan: PlanOptions,
    jobs: Annotated[
        int, jobs_option("Null networks, or models of groups, at a time; -1 = one per core.")
    ] = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for tables and figures.")
    ] = None,
    as_json: AsJson = False,
    figures: FigureOptions,
    dense: Annotated[
        bool, typer.Option("--dense", help="Compare models without masks or zero weights anyway.")
    ] = False,
) -> None:
    """Compare two networks unit by unit, or two groups of networks by a test.

    Of two networks of one architecture: edges kept, new and lost, path shares gained and lost,
    modules and the links between them, all on matched units, next to the same of randomised
    networks. Of two groups, such as seeds of two methods: whether they differ in their features
    (density, degrees, paths, modularity, …), by permutations, and in which, with effect sizes.

    What a sparse net answers next to its dense twin: `netsculpt pair`.

    **Examples**

    `netsculpt compare before.pt after.pt --units same -o out`

    `netsculpt compare seed0.pt seed1.pt`

    `netsculpt compare a.pt b.pt --units activations --task digits`

    `netsculpt compare set-*.pt --against rigl-*.pt --nulls 20 --stability-seeds 0 -j -1`
    """
    refuse_figures(context, output)
    detectors = chosen_detectors(plan.detector)
    if len(detectors) > 1 or set(detectors) & set(DATA_AWARE):
        raise typer.BadParameter(
            f"{plan.detector} found: one detector that needs no data is compared by",
            param_hint="--detector",
        )
    if "," in plan.weights or plan.weights == "all":
        raise typer.BadParameter(
            f"{plan.weights} found: modules of one form are compared", param_hint="--weights"
        )
    if output is not None:
        require_writable(output)
        require_replaceable(output, _MAKER)
        say_interrupted(output)
    request = Request(plan.plan(detectors), figures.style, seed, None, dense, needs_own=False)
    first = model_files(files)
    require_readable(first)
    if against is not None:
        refuse_options(context, ("units", "task"), "groups are compared by features, not units")
        second = model_files(against)
        require_readable(second)
        _groups((first, second), source, request, n_permutations, jobs, output, as_json)
        return
    refuse_options(context, ("n_permutations",), "two single models are not tested as groups")
    if len(first) != 2:
        twice = ", given more than once" * (len(first) < len(files))
        raise typer.BadParameter(
            f"{counted(len(first), 'model')} found{twice}: two are compared, or a group of "
            "them with a second one that --against names",
            param_hint="MODEL",
        )
    if (task is None) == (units == "activations"):
        raise typer.BadParameter(
            "--units activations and --task go together: the data to run both nets on",
            param_hint="--units" if task is None else "--task",
        )
    _pair(first, source, request, (units, task), jobs, output, as_json)


def _pair(
    files: Sequence[ModelFile],
    options: SourceOptions,
    request: Request,
    pairing: tuple[str, str | None],
    jobs: int,
    output: Path | None,
    as_json: bool,
) -> None:
    from netsculpt.pipeline import compare_networks
    from netsculpt.report.compared import write_comparison
    from netsculpt.report.terminal.compared import print_comparison
    from netsculpt.report.terminal.estimates import estimate_lines
    from netsculpt.report.terminal.progress import shown_progress
    from netsculpt.report.terminal.progress_lines import together

    if filecmp.cmp(files[0].path, files[1].path, shallow=False):
        note(f"{files[0].path} and {files[1].path} are the same, byte for byte")
    loaded = [_loaded(file.path, options, request)[0] for file in files]
    matching = pairing_of(loaded[0], loaded[1], *pairing, seed=request.seed)
    with shown_progress() as shown:
        progress = together(estimate_lines(request.plan, jobs), shown)
        first, second = (
            analysed(each, request.plan, seed=request.seed, jobs=jobs, progress=progress)
            for each in loaded
        )
    compared = compare_networks(
        first, second, matching=matching, n_nulls=request.plan.repeats.n_nulls, rng=request.seed
    )
    about = {
        "first": str(files[0].path),
        "second": str(files[1].path),
        "units": pairing[0],
        "task": pairing[1],
        **_asked(request),
    }
    if output is not None:
        inputs = hashes([*(file.path for file in files), options.mask])
        with shown_progress() as progress:
            write_comparison(
                compared,
                output,
                about=about,
                inputs=inputs,
                figures=request.figures,
                progress=progress,
            )
    if as_json:
        typer.echo(json.dumps({**about, **compared.summary()}, indent=2, allow_nan=False))
    else:
        print_comparison(compared, [str(file.path) for file in files], output)


def _groups(
    groups: tuple[Sequence[ModelFile], Sequence[ModelFile]],
    options: SourceOptions,
    request: Request,
    n_permutations: int,
    jobs: int,
    output: Path | None,
    as_json: bool,
) -> None:
    from netsculpt.compare import groups as compared_groups
    from netsculpt.report.compared import write_groups
    from netsculpt.report.terminal.compared import print_groups
    from netsculpt.report.terminal.progress import shown_progress

    files = [*groups[0], *groups[1]]
    twice = [file for file in groups[0] if file.path in {other.path for other in groups[1]}]
    if twice:
        raise typer.BadParameter(
            f"{twice[0].path} is in both groups: groups without a common model are needed",
            param_hint="--against",
        )
    sizes = [len(group) for group in groups]
    if min(sizes) < 2:  # found before the analyses, which take long
        raise typer.BadParameter(
            f"groups of {sizes[0]} and {counted(sizes[1], 'model')} found: two or more in each are "
            "needed; two single models are compared without --against",
            param_hint="--against",
        )
    one = partial(_features, [file.path for file in files], options, request)
    with shown_progress() as progress:
        features = list(in_parallel(one, len(files), jobs, partial(progress, "models")))
    n = len(groups[0])
    compared = compared_groups(
        features[:n], features[n:], n_permutations=n_permutations, rng=request.seed
    )
    about = {
        "first": [str(file.path) for file in groups[0]],
        "second": [str(file.path) for file in groups[1]],
        "n_permutations": n_permutations,
        **_asked(request),
    }
    if output is not None:
        inputs = hashes([*(file.path for file in files), options.mask])
        with shown_progress() as progress:
            write_groups(
                compared,
                features,
                output,
                about=about,
                inputs=inputs,
                figures=request.figures,
                progress=progress,
            )
    if as_json:
        typer.echo(json.dumps({**about, **compared.summary()}, indent=2, allow_nan=False))
    else:
        print_groups(compared, output)


def _asked(request: Request) -> dict[str, Any]:
    """What both networks, or all, were analysed with, JSON-able."""
    return {"plan": asdict(request.plan), "seed": request.seed}


def _features(
    paths: Sequence[Path], options: SourceOptions, request: Request, index: int
) -> dict[str, float]:
    from netsculpt.pipeline import network_features

    loaded, request = _loaded(paths[index], options, request)
    return network_features(analysed(loaded, request.plan, seed=request.seed))


def _loaded(path: Path, options: SourceOptions, request: Request) -> tuple[Loaded, Request]:
    with of_file(path):
        return ready(Source(file=path, **vars(options)), request)
