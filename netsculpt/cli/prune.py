"""``netsculpt prune``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from netsculpt.cli.messages import complain
from netsculpt.cli.nets import INITIAL, NewNet, matching_task, start_net
from netsculpt.cli.options import AsJson, Resume, Seed, choice, jobs_option, require_writable
from netsculpt.cli.takes import takes
from netsculpt.core.catalog import catalog, names

if TYPE_CHECKING:
    from netsculpt.cli.nets import StartNet
    from netsculpt.training.fitting.batches import Batches

__all__ = ["prune"]

SCORES = names("scores")
METHODS = ["phew", *SCORES]
ALLOCATIONS = ["global", *names("allocations")]
SCHEDULES = names("schedules")
SCOPES = names("scopes")
OF_SCORES = ("allocation", "schedule", "rounds", "scope", "dense")
BASELINES = ["shuffled", "reinitialised", "inverted"]


@takes
def prune(
    context: typer.Context,
    new: NewNet,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The model to write, with its masks.")
    ] = Path("pruned.pt"),
    method: Annotated[str, choice("--method", METHODS)] = "phew",
    density: Annotated[
        float, typer.Option("--density", min=0, max=1, help="Fraction of the weights to keep.")
    ] = 0.1,
    task: Annotated[
        str | None,
        typer.Option("--task", help="Samples for snip and grasp: a task as 'sculpt' takes it."),
    ] = None,
    n_samples: Annotated[
        int, typer.Option("--n-samples", min=1, help="Samples of the task to score by.")
    ] = 512,
    allocation: Annotated[str, choice("--allocation", ALLOCATIONS)] = "global",
    schedule: Annotated[str, choice("--schedule", SCHEDULES)] = "exponential",
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", min=1, help="How often to score; as the paper does, if not said."),
    ] = None,
    scope: Annotated[str, choice("--scope", SCOPES)] = "weight",
    dense: Annotated[
        list[str] | None,
        typer.Option("--dense", help="A weight to leave alone, such as fc.weight; several times."),
    ] = None,
    baseline: Annotated[
        str | None,
        choice(
            "--baseline",
            BASELINES,
            "shuffled: the masks, layer by layer | reinitialised: other weights under them | "
            "inverted: the best are pruned.",
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Let pruned weights back where paths are cut off.")
    ] = False,
    fan_in_corrected: Annotated[
        bool,
        typer.Option(
            "--fan-in-corrected", help="Scale weights in the end, as if made for the inputs kept."
        ),
    ] = False,
    resume: Resume = False,
    jobs: Annotated[
        int,
        jobs_option("Threads for phew's walks; -1 = one per core. The masks do not depend on it."),
    ] = 1,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Prune a network before, or without, training.

    A score ranks the weights, an allocation says how many each layer keeps, a schedule over how
    many rounds; phew takes random walks instead. Exactly round(density × weights) are kept; phew
    may keep a few more. What is left of each layer is reported. Masks are saved after every round:
    when it was killed, the same command with --resume goes on, to the same bytes.

    **Nets** A SPEC is a family and its fields: mlp:WIDTHS · cnn:IMAGE:CHANNELS:HIDDEN:OUTPUTS ·
    vgg:IMAGE:STAGES:OUTPUTS · resnet:IMAGE:OUTPUTS[:WIDTHS[:BLOCKS]] · lstm:SEQUENCE:HIDDEN:OUTPUTS

    **Examples**

    `netsculpt prune --net mlp:64,128,128,10 --method phew --density 0.05 -o pruned.pt`

    `netsculpt prune --net resnet:3x32x32:10 --method synflow --density 0.02 --dense fc.weight`

    `netsculpt prune model.pt --method snip --task digits --allocation erk --density 0.1`

    `netsculpt analyze pruned.pt`
    """
    from netsculpt.core.random import stream
    from netsculpt.files.checkpoint import write_model
    from netsculpt.nets import mask_net, plain_state
    from netsculpt.report.terminal.progress import progress_bars
    from netsculpt.report.terminal.pruned import print_pruned
    from netsculpt.training import fan_in_corrected as corrected
    from netsculpt.training import inverted, pruning_report, repaired, shuffled
    from netsculpt.training import prune as pruned

    if method == "phew":
        _only_walks(context)
        if baseline == "inverted":
            raise typer.BadParameter(
                "phew has no score to turn round: shuffled or reinitialised",
                param_hint="--baseline",
            )
    checkpoint = output.with_suffix(".pruning.pt")
    if checkpoint.exists() and not resume:
        raise typer.BadParameter(
            f"{str(checkpoint)!r} holds a pruning that was broken off: go on with --resume, or "
            "name another file",
            param_hint="-o",
        )
    require_writable(output.parent)
    begun = start_net(new, seed)
    batches = _batches(begun, task, n_samples, seed)
    score = catalog("scores").get(method)
    try:
        with progress_bars() as progress:
            found = pruned(
                begun.net,
                method=inverted(score) if score and baseline == "inverted" else method,
                density=density,
                batches=batches,
                rng=seed,
                allocation=allocation,
                schedule=schedule,
                rounds=rounds,
                scope=scope,
                dense=dense or (),
                progress=progress and (lambda done, rounds: progress("rounds", done, rounds)),
                checkpoint=checkpoint,
                jobs=jobs,
            )
    except KeyboardInterrupt:
        complain("go on with the same command and --resume")
        raise
    masks, details = found.masks, {**found.details, "baseline": baseline}
    left = begun.net
    if baseline == "shuffled":
        masks = shuffled(masks, rng=stream(seed, "shuffled"))
    if baseline == "reinitialised":
        left = _reinitialised(begun, None if new.model else new.initial or INITIAL, seed)
    if repair:
        mended = repaired(left, masks, batches.example)
        masks, details = mended.masks, {**details, "repair": mended.summary()}
    mask_net(left, masks)
    if fan_in_corrected:
        left = corrected(left)
    report = pruning_report(left, masks, batches.example)
    found = replace(found, masks=masks, report=report, details=details)
    state, masks = plain_state(left)
    given = {"task": task, "n_samples": n_samples, "dense": dense or []}
    said = {**found.summary(), **given, "fan_in_corrected": fan_in_corrected}
    metadata = {**begun.metadata, "pruning": said}
    output.parent.mkdir(parents=True, exist_ok=True)
    write_model(output, net=begun.spec.spec, state=state, masks=masks, metadata=metadata)
    checkpoint.unlink(missing_ok=True)
    if as_json:
        typer.echo(json.dumps({**said, "model": str(output)}, indent=2))
    else:
        print_pruned(found, output)


def _only_walks(context: typer.Context) -> None:
    """What says how scores are used is refused for walks, not ignored."""
    for name in OF_SCORES:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                "phew takes walks instead of scores: leave it out, or name another --method",
                param_hint=f"--{name}",
            )


def _batches(begun: StartNet, task: str | None, n_samples: int, seed: int) -> Batches:
    """Samples of a task; without one, an example from which no score can take a loss."""
    from netsculpt.core.random import stream
    from netsculpt.training.fitting.batches import batches_of, example_alone

    if task is None:
        return example_alone(begun.spec.n_inputs, _no_loss)
    made = matching_task(task, begun.spec)
    return batches_of(made, n_samples=n_samples, rng=stream(seed, "samples"))


def _no_loss(_outputs: object, _targets: object) -> NoReturn:
    raise typer.BadParameter(
        "this method scores weights by a loss: name the task that the net is for",
        param_hint="--task",
    )


def _reinitialised(begun: StartNet, initial: str | None, seed: int) -> Any:
    """The net with weights drawn anew, as --init draws them or as its layers do."""
    from netsculpt.core.random import stream
    from netsculpt.training import reinitialised

    again = stream(seed, "reinitialised")
    if initial is None:
        return reinitialised(begun.net, rng=again)
    return catalog("initialisations")[initial](begun.net, rng=again)
