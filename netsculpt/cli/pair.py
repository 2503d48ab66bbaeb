"""``netsculpt pair``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import AsJson, Seed, choice, require_writable
from netsculpt.cli.tasks import TASKS, require_task
from netsculpt.core.catalog import names
from netsculpt.core.counting import counted
from netsculpt.core.figure_style import FORMATS

if TYPE_CHECKING:
    from netsculpt.cli.nets import StartNet

__all__ = ["pair"]

ENDINGS = tuple(f".{name}" for name in FORMATS)


def pair(
    sparse: Annotated[Path, typer.Argument(metavar="SPARSE", help="A model.pt with masks.")],
    dense: Annotated[Path, typer.Argument(metavar="DENSE", help="Its dense twin, a model.pt.")],
    task: Annotated[str, typer.Option(help=f"What they were trained on. {TASKS}")] = "",
    answer: Annotated[
        int, typer.Option(min=0, help="Which bit or classification of the task, from 0.")
    ] = 0,
    baseline: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B", help="Two dense nets of other seeds: how many answers change anyway."
        ),
    ] = None,
    other: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="SPARSE DENSE", help="Another pair, as of gradual pruning."),
    ] = None,
    phase: Annotated[
        list[Path] | None,
        typer.Option(help="The net after a sparse phase; repeatable, in their order."),
    ] = None,
    detector: Annotated[str, choice(names("detectors"), "Modules of both graphs: {}.")] = "layered",
    figure: Annotated[
        Path | None, typer.Option("-o", "--figure", help="A figure to write: .pdf, .png or .svg.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Compare a sparse network with its dense twin: which answers change, and for whom.

    On held-out samples: agreement, answers lost and won, divergence of the outputs, recalls by
    class; layer by layer the similarity of representations (debiased CKA) and of path shares; and
    the kept weights and modules next to those of the twin pruned to the same density in one step,
    which is a baseline of answers too.

    **Examples**

    `netsculpt pair sparse.pt dense.pt --task digits`

    `netsculpt pair sparse.pt dense.pt --task digits --baseline seed1.pt seed2.pt -o pair.pdf`
    """
    from netsculpt.report.terminal.files import print_file
    from netsculpt.report.terminal.pair import print_pair
    from netsculpt.training import pair_analysis

    require_task(task, needed="the task that both nets were trained on is needed")
    if figure is not None:
        if figure.suffix.lower() not in ENDINGS:
            raise typer.BadParameter(
                f"{figure.name!r} ends in {figure.suffix!r}: {', '.join(ENDINGS)} is needed",
                param_hint="--figure",
            )
        require_writable(figure.parent)
    begun = _net(sparse, seed)
    samples = matching_task(task, begun.spec)
    if answer >= samples.targets.shape[1]:
        raise typer.BadParameter(
            f"{task} has {counted(samples.targets.shape[1], 'answer')}, numbered from 0",
            param_hint="--answer",
        )
    pairs = {"two dense seeds": baseline, "other pair": other}
    analysis = pair_analysis(
        begun.net,
        _net(dense, seed).net,
        samples,
        answer=answer,
        baselines={
            name: (_net(both[0], seed).net, _net(both[1], seed).net)
            for name, both in pairs.items()
            if both is not None
        },
        phases=[_net(path, seed).net for path in phase or ()],
        detector=detector,
        rng=seed,
    )
    if figure is not None:
        _draw(analysis, figure)
    if as_json:
        about = {"sparse": str(sparse), "dense": str(dense)}
        typer.echo(json.dumps({**about, **analysis.summary()}, indent=2, allow_nan=False))
    else:
        print_pair(analysis)
        if figure is not None:
            print_file(figure)


def _net(path: Path, seed: int) -> StartNet:
    return start_net(NewNet(model=path), seed)


def _draw(analysis: Any, path: Path) -> None:
    from netsculpt import plots

    n_rows = 1 + len(analysis.baselines) + min(analysis.outcome.classes.n.size, 12)
    with plots.paper():
        drawn = plots.figure(aspect=0.14 + 0.04 * n_rows)
        plots.pair(analysis, ax=drawn.add_subplot())
        path.parent.mkdir(parents=True, exist_ok=True)
        plots.write_figure(drawn, path)
