"""``netsculpt profile``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import MOST, AsJson, Seed, numbers, require_writable
from netsculpt.cli.source import Source
from netsculpt.cli.tasks import require_task

if TYPE_CHECKING:
    from netsculpt.loading.wann import WannOptions
    from netsculpt.training import WeightProfile

__all__ = ["profile"]

FORMATS = (".csv", ".pdf", ".png", ".svg")


def profile(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model.pt of netsculpt, or a .out as of 'wann'."),
    ],
    task: Annotated[
        str, typer.Option(help="What it was trained on, as in 'sculpt'; of a .out as in 'wann'.")
    ] = "",
    weights: Annotated[
        str | None,
        typer.Option(help="Sizes of w, with both signs; default nine from 0.25 to 4."),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, max=MOST, help="Draws of random weights, the control.")
    ] = 20,
    wann_weights: Annotated[
        Path | None, typer.Option(help="Individual weights (.wann.json) of a .out.")
    ] = None,
    wann_weight_bias: Annotated[
        float | None, typer.Option(help="Added to each of them: -1.5 for swing-up.")
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", help="A table .csv, or a figure .pdf, .png, .svg; several."),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """What a sparse network still does when all its weights are one number w.

    Kept weights are replaced by w; by w with their signs; by that over the root of the number of
    edges into their unit; and by random weights of that size, which is the control. Accuracy and
    loss on held-out samples, or the reward of 100 swing-ups, say how much of the task is in the
    pattern, in the signs, and in the sizes. Biases are 0, norms stay as they are.

    **Examples**

    `netsculpt profile model.pt --task digits`

    `netsculpt profile model.pt --task digits --weights 0.5,1,2 -o profile.csv -o profile.pdf`

    `netsculpt profile champion.out --task swing-up -o profile.pdf`
    """
    from netsculpt.loading.wann import WannOptions
    from netsculpt.report.terminal.files import print_file
    from netsculpt.report.terminal.weight_profile import print_weight_profile

    require_task(task)
    for path in output or ():
        if path.suffix.lower() not in FORMATS:
            raise typer.BadParameter(
                f"{path.name!r} ends in {path.suffix!r}: {', '.join(FORMATS)} is needed",
                param_hint="-o",
            )
        require_writable(path.parent)
    grid = None if weights is None else _both_signs(weights)
    own = WannOptions(wann_weights, wann_weight_bias or 0.0)
    found = _profile(model, task, own, weights=grid, n_draws=draws, rng=seed)
    for path in output or ():
        _write(found, path)
    if as_json:
        about = {"model": str(model), "task": task, "seed": seed}
        typer.echo(json.dumps({**about, **found.summary()}, indent=2, allow_nan=False))
    else:
        print_weight_profile(found, str(model), task)
        for path in output or ():
            print_file(path)


def _profile(model: Path, task: str, own: WannOptions, **options: Any) -> WeightProfile:
    """The profile of a net, or of a weight agnostic network, with its individual weights."""
    from netsculpt.loading.load import graph_of
    from netsculpt.loading.read import read
    from netsculpt.training import topology_profile, weight_profile
    from netsculpt.training.search.graphs import topology_of
    from netsculpt.training.search.tasks import parse_search_task

    file = read(model, None, Source.max_bytes, weights=own.weights)
    if file.content.kind != "wann":
        if own.weights is not None:
            raise typer.BadParameter(
                f"{model.name!r} has its own weights: leave it out", param_hint="--wann-weights"
            )
        begun = start_net(NewNet(model=model), options["rng"])
        return weight_profile(begun.net, matching_task(task, begun.spec), **options)
    graph = graph_of(file, allow_nonfinite=False, wann=own)
    incoming = graph.weights.tocsc()
    incoming.sort_indices()
    values = None if own.weights is None else incoming.data
    return topology_profile(topology_of(graph), parse_search_task(task), own=values, **options)


def _both_signs(text: str) -> list[float]:
    from netsculpt.training.weight_agnostic.result import LARGEST

    sizes = numbers(
        text,
        float,
        lambda size: 0 < size <= LARGEST,
        needed=f"a list of numbers above 0 and up to {LARGEST:g}, such as 0.5,1,2",
        flag="--weights",
    )
    return [sign * size for size in sorted(set(sizes)) for sign in (-1, 1)]


def _write(found: WeightProfile, path: Path) -> None:
    from netsculpt.core.writing import replacing

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".csv":
        with replacing(path) as file:
            file.write(found.table().to_csv(index=False).encode())
        return
    from netsculpt import plots

    with plots.paper():
        drawn = plots.figure(aspect=0.6)
        plots.weight_profile(found, ax=drawn.add_subplot())
        plots.write_figure(drawn, path)
