"""``netsculpt importance``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.inputs import hashes, refused_as
from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import (
    MOST,
    AsJson,
    FigureOptions,
    Resume,
    Seed,
    completion,
    is_given,
    list_of,
    listed,
    refuse_figures,
    refuse_options,
    require_writable,
)
from netsculpt.cli.resuming import refuse_restart, resumable
from netsculpt.cli.takes import takes
from netsculpt.cli.tasks import HELD_OUT, require_task
from netsculpt.core.catalog import names
from netsculpt.report.terminal.progress import shown_progress

__all__ = ["importance"]

SCORES = names("scores")
MOVEMENT, ABLATION = "movement", "ablation"  # of netsculpt.training.importance, which needs torch


@takes
def importance(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.pt of netsculpt.")],
    *,
    figures: FigureOptions,
    task: Annotated[str, typer.Option(help=f"What it was trained on. {HELD_OUT}")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for tables and figures.")
    ] = None,
    estimators: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            callback=list_of((*SCORES, MOVEMENT), "all"),
            autocompletion=completion((*SCORES, MOVEMENT, "all")),
            help=f"{' | '.join(SCORES)} | all that can be made of this net; several separated by "
            "commas.",
        ),
    ] = "all",
    curves: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            callback=list_of((ABLATION, *SCORES, MOVEMENT), "none"),
            autocompletion=completion((ABLATION, *SCORES, MOVEMENT, "none")),
            help="Prune by: ablation (the exact change on training samples) | estimates; several "
            "separated by commas; 'none' = do not. Unless named, magnitude only if it is among the "
            "estimates.",
        ),
    ] = "ablation,magnitude",
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            help="Most training and held-out samples to remove weights and to estimate on; pruned "
            "nets are measured on all.",
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
    resume: Resume = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Remove each weight by itself, exactly, and ask how well estimates tell what that does.

    The loss without each weight is computed on training samples and on held-out ones: the first
    says what the net uses, the second what is of use. Estimates are made from training samples, and
    their ranks are compared with those of the changes, signed and in size. 'random' is the control.
    Weights are also pruned, 10 % more at a time, smallest, largest and in random order first, by
    what `--curves` names; values have signs, so the smallest changes are those without which the
    loss falls most.

    The task needs held-out samples, which Boolean ones do not have. With `-o` what is known of the
    changes is saved every few seconds: after an interruption, or for other estimators and curves,
    the same command with --resume continues.

    **Estimates** magnitude · first_order (−w·g) · obd · woodfisher (after compensation) · wanda,
    input_deviation (magnitude × size of the input) · lamp, relative_importance · synflow (share of
    paths) · snip · grasp.

    **Examples**

    `netsculpt importance model.pt --task digits -o importance`

    `netsculpt importance model.pt --task digits --estimators obd -o importance --resume`

    `netsculpt importance model.pt --task digits --estimators magnitude,obd --json`

    `netsculpt importance model.pt --task digits --curves obd --recovery-epochs 5 -o importance`
    """
    from netsculpt.report.importance import (
        ABLATIONS,
        require_importance_folder,
        write_importance,
    )
    from netsculpt.report.terminal.importance import print_importance
    from netsculpt.training.fitting.recipe import Recipe
    from netsculpt.training.importance import importance as measured
    from netsculpt.training.importance import movement
    from netsculpt.training.importance.checked import require_held_out

    require_task(
        task,
        HELD_OUT,
        needed="the task that the net was trained on is needed, with held-out samples",
    )
    chosen = None if estimators == "all" else listed(estimators)
    by = None  # what is usual of what there is
    if is_given(context, "curves"):
        by = [] if curves == "none" else listed(curves)
    _require_known(chosen, by, has_start=start is not None)
    if not recovery_epochs:
        reason = "pruned nets are not trained again"
        refuse_options(context, ["recovery_rate"], reason, "add --recovery-epochs, or leave it out")
    refuse_figures(context, output)
    states = None
    if output is None:
        refuse_options(context, ["resume"], "nothing is kept without a folder", "name it with -o")
    else:
        states = output / ABLATIONS
        refuse_restart(states, resume)
        require_writable(output)
        require_importance_folder(output)
    begun = start_net(NewNet(model=model), seed)
    with refused_as("--task"):
        matched = matching_task(task, begun.spec)
        require_held_out(matched)
    before = None if start is None else start_net(NewNet(model=start), seed).net
    if before is not None:
        with refused_as("--start"):
            movement(begun.net, before)
    inputs = hashes([model, start], [task])
    recovery = None
    if recovery_epochs:
        recovery = Recipe(epochs=recovery_epochs, learning_rate=recovery_rate)
    with resumable() if output is not None else shown_progress() as progress:
        found = measured(
            begun.net,
            matched,
            estimators=chosen,
            curves_of=by,
            start=before,
            recovery=recovery,
            n_samples=samples,
            checkpoint=states,
            rng=seed,
            progress=progress,
        )
    arguments = {
        "model": str(model),
        "task": task,
        "start": None if start is None else str(start),
        "estimators": list(found.estimates),
        "curves": list(dict.fromkeys(curve.estimate for curve in found.curves)),
        "n_samples": samples,
        "recovery": None if recovery is None else asdict(recovery),
    }
    if output is not None:
        write_importance(
            found,
            output,
            arguments={**arguments, "seed": seed},
            inputs=inputs,
            figures=figures.style,
        )
    if as_json:
        typer.echo(json.dumps({**arguments, **found.summary()}, indent=2, allow_nan=False))
    else:
        print_importance(found, output)


def _require_known(chosen: list[str] | None, by: list[str] | None, *, has_start: bool) -> None:
    """Raise if what is asked for needs --start, or weights are to be pruned by what is not made."""
    if MOVEMENT in (*(chosen or []), *(by or [])) and not has_start:
        raise typer.BadParameter(
            f"{MOVEMENT!r} compares the net with itself before its training: name that with "
            "--start",
            param_hint="--estimators" if chosen and MOVEMENT in chosen else "--curves",
        )
    made = {ABLATION, MOVEMENT, *(SCORES if chosen is None else chosen)}
    for name in by or []:
        if name not in made:
            raise typer.BadParameter(
                f"{name!r} is not among the estimates that are made: add it to --estimators",
                param_hint="--curves",
            )
