"""``netsculpt importance``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import MOST, AsJson, FigureOptions, Seed, require_writable
from netsculpt.cli.takes import takes
from netsculpt.core.catalog import names, near
from netsculpt.report.terminal.progress import progress_bars

__all__ = ["importance"]

SCORES = names("scores")


@takes
def importance(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.pt of netsculpt.")],
    figures: FigureOptions,
    task: Annotated[str, typer.Option(help="What it was trained on, as in 'sculpt'.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for tables and figures.")
    ] = None,
    estimators: Annotated[
        str, typer.Option(help=f"{' | '.join(SCORES)} | all; several separated by commas.")
    ] = "all",
    samples: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST, help="Most training and held-out samples to remove weights on."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="The net before its training: adds 'movement'."),
    ] = None,
    recovery_epochs: Annotated[
        int, typer.Option(min=0, max=MOST, help="Train pruned nets again; 0 = do not.")
    ] = 0,
    recovery_rate: Annotated[
        float, typer.Option(min=1e-12, max=1e6, help="Learning rate of that (Adam).")
    ] = 1e-3,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Remove each weight by itself, exactly, and ask how well estimates tell what that does.

    The loss without each weight is computed on training samples and on held-out ones: the first
    says what the net uses, the second what is of use. Estimates are made from training samples:
    their ranks are compared with those of the changes, signed and in size, and weights are pruned
    in their order. 'random' is the control.

    **Estimates** magnitude · first_order (−w·g) · obd · woodfisher (after compensation) · wanda,
    input_deviation (magnitude × size of the input) · lamp, relative_importance · synflow (share of
    paths) · snip · grasp.

    **Examples**

    `netsculpt importance model.pt --task digits -o importance`

    `netsculpt importance model.pt --task digits --estimators magnitude,obd --json`

    `netsculpt importance model.pt --task digits --recovery-epochs 5 -o importance`
    """
    from netsculpt.report.importance import require_importance_folder, write_importance
    from netsculpt.report.terminal.importance import print_importance
    from netsculpt.training.fitting.recipe import Recipe
    from netsculpt.training.importance import importance as measured

    if not task:
        raise typer.BadParameter(
            "a task is needed; 'sculpt --help' lists some", param_hint="--task"
        )
    chosen = _chosen(estimators)
    if output is not None:
        require_writable(output)
        require_importance_folder(output)
    begun = start_net(NewNet(model=model), seed)
    before = None if start is None else start_net(NewNet(model=start), seed).net
    recovery = None
    if recovery_epochs:
        recovery = Recipe(epochs=recovery_epochs, learning_rate=recovery_rate)
    with progress_bars() as progress:
        found = measured(
            begun.net,
            matching_task(task, begun.spec),
            estimators=chosen,
            curves_of=["ablation", *(x for x in ("magnitude",) if x in chosen)],
            start=before,
            recovery=recovery,
            n_samples=samples,
            rng=seed,
            progress=progress,
        )
    arguments = {
        "model": str(model),
        "task": task,
        "start": None if start is None else str(start),
        "recovery": None if recovery is None else asdict(recovery),
    }
    if output is not None:
        write_importance(
            found,
            output,
            arguments={**arguments, "seed": seed},
            figures=figures.formats,
            width=figures.column,
        )
    if as_json:
        typer.echo(json.dumps({**arguments, **found.summary()}, indent=2, allow_nan=False))
    else:
        print_importance(found, output)


def _chosen(text: str) -> list[str]:
    """Names of estimates; "all" means every one."""
    if text == "all":
        return list(SCORES)
    chosen = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in chosen:
        if name not in SCORES:
            raise typer.BadParameter(
                f"{name!r:.40} is not one of the estimates; {near(name, [*SCORES, 'all'])}",
                param_hint="--estimators",
            )
    return chosen
