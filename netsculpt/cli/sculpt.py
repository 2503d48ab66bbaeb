"""``netsculpt sculpt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.messages import complain
from netsculpt.cli.options import (
    Detector,
    chosen_detectors,
    finite,
    jobs_option,
    one_of,
    require_writable,
)
from netsculpt.core.catalog import names

__all__ = ["sculpt"]

UNIT_SCORES = names("unit_scores")
EDGE_SCORES = names("edge_scores")
SCHEDULES = names("schedules")
WITH_RESUME = ("detector", "jobs", "output", "resume")  # options that --resume can take
MOST_SEEDS = 1_000_000  # in one sculpting
UnitScore = Annotated[
    str, typer.Option("--unit-score", callback=one_of(UNIT_SCORES), help=" | ".join(UNIT_SCORES))
]
EdgeScore = Annotated[
    str, typer.Option("--edge-score", callback=one_of(EDGE_SCORES), help=" | ".join(EDGE_SCORES))
]
Schedule = Annotated[
    str, typer.Option("--schedule", callback=one_of(SCHEDULES), help=" | ".join(SCHEDULES))
]


def sculpt(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Argument(
            help="A task by name, a text file of functions, or two IDX files as IMAGES,LABELS."
        ),
    ] = None,
    arch: Annotated[
        str, typer.Option("--arch", help="Units per layer, inputs and outputs included: 4,24,24,4.")
    ] = "",
    seeds: Annotated[str, typer.Option("--seeds", help="Such as 0-9 or 0,3,7.")] = "0-9",
    unit_gradients: Annotated[
        str, typer.Option("--unit-gradients", help="Percent of the hidden units per step; several.")
    ] = "70,30,10",
    edge_gradients: Annotated[
        str, typer.Option("--edge-gradients", help="Percent of the weights per step; several.")
    ] = "2.5,1",
    goal_accuracy: Annotated[
        float,
        typer.Option("--goal-accuracy", min=1e-3, max=100, help="Percent of right answers kept."),
    ] = 100.0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Of every training.")] = 40,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Samples per step.")] = 8,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", min=0, callback=finite, help="Of Adam.")
    ] = 0.05,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", min=0, callback=finite, help="Of Adam.")
    ] = 1e-4,
    noise: Annotated[
        float,
        typer.Option(
            "--noise",
            min=0,
            callback=finite,
            help="Standard deviation, added to training inputs.",
        ),
    ] = 0.1,
    unit_score: UnitScore = "activation_gradient",
    edge_score: EdgeScore = "magnitude",
    schedule: Schedule = "linear",
    rewind: Annotated[
        bool, typer.Option("--rewind", help="Retrain from the initial weights, as lottery tickets.")
    ] = False,
    single_edges: Annotated[
        bool, typer.Option("--single-edges", help="At the end, try to prune every single edge.")
    ] = False,
    detector: Detector = "sculpting,path_signature,functional",
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, …")] = "cpu",
    together: Annotated[
        int, typer.Option("--together", min=1, help="At most so many runs in one batch of seeds.")
    ] = 1000,
    jobs: Annotated[int, jobs_option("Processes that share the batches; -1 = one per core.")] = 1,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for models and tables.")
    ] = Path("runs"),
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume the sculpting in the folder."),
    ] = False,
) -> None:
    """Train networks; prune units, then edges, as long as the task stays solved.

    Neural Sculpting (Patil et al. 2023): the remaining network shows the functions that compose the
    task. All runs (seeds × gradients) are trained as one stacked batch; for each seed the sparsest
    network is kept. An interrupted run continues with --resume, to the same bits.

    **Tasks** input-separable · reused · input-separable-reused · non-modular · overlap-K-use-N ·
    reused-use-N · levels-N · digits · two-digits-separate · two-digits-sum

    **Examples**

    `netsculpt sculpt input-separable --arch 4,24,24,4 -o runs`

    `netsculpt sculpt overlap-2-use-4 --seeds 0-19 --batch-size 32 --together 30 -j -1`

    `netsculpt sculpt --resume -o runs`

    `netsculpt analyze runs/seed-0/model.pt`
    """
    from netsculpt.report.terminal.progress import progress_bars
    from netsculpt.report.terminal.sculpted import print_sweep
    from netsculpt.studies.sculpting import SweepConfig, read_config, sweep
    from netsculpt.training.tasks import absolute_task

    detectors = chosen_detectors(detector)
    begun = (output / "plan.json").exists()
    if begun and not resume:
        raise typer.BadParameter(
            f"{str(output)!r} holds a sculpting: resume it with --resume, or name another folder",
            param_hint="-o",
        )
    if task is None:
        if resume and not begun:
            raise typer.BadParameter(
                f"{str(output)!r} holds no sculpting to resume (no plan.json): name the folder "
                "that 'sculpt -o' wrote, or a TASK to begin",
                param_hint="--resume",
            )
        if not begun:
            raise typer.BadParameter("a task is needed; see the help for names", param_hint="TASK")
        _refuse_changes(context)
        config = read_config(output)
    else:
        task = absolute_task(task)
        config = SweepConfig(
            task,
            widths=_widths(task, arch),
            seeds=_integers(seeds),
            unit_gradients=_percentages(unit_gradients, "--unit-gradients"),
            edge_gradients=_percentages(edge_gradients, "--edge-gradients"),
            goal_accuracy=round(goal_accuracy / 100, 12),  # 99.9 / 100 is more than .999
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unit_score=unit_score,
            edge_score=edge_score,
            schedule=schedule,
            rewind=rewind,
            single_edges=single_edges,
            device=device,
            together=together,
        )
    require_writable(output)
    try:
        with progress_bars() as progress:
            result = sweep(config, output, detectors=detectors, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        complain(f"resume with: netsculpt sculpt --resume -o {output}")
        raise
    print_sweep(result, output, detectors)


def _refuse_changes(context: typer.Context) -> None:
    """Refuse options that the configuration of the folder would overrule."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in WITH_RESUME and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                "this was fixed when the folder was begun: leave it out",
                param_hint=f"--{name.replace('_', '-')}",
            )


def _integers(text: str) -> tuple[int, ...]:
    """Seeds of a text such as "0-3,7"."""
    seeds: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if len(ends) > 2 or not all(end.isdecimal() for end in ends):
            raise typer.BadParameter(
                f"{part!r} is neither a number nor a range such as 0-9", param_hint="--seeds"
            )
        own = range(int(ends[0]), int(ends[-1]) + 1)
        if len(own) > MOST_SEEDS:
            raise typer.BadParameter(
                f"{part!r} are {len(own):,} seeds; {MOST_SEEDS:,} are the most",
                param_hint="--seeds",
            )
        seeds += own
    if not seeds or len(set(seeds)) < len(seeds):
        raise typer.BadParameter(f"{text!r} names a seed twice, or none", param_hint="--seeds")
    return tuple(seeds)


def _percentages(text: str, option: str) -> tuple[float, ...]:
    try:
        percentages = tuple(float(part) for part in text.split(","))
    except ValueError:
        percentages = ()
    if not percentages or not all(0 < value <= 100 for value in percentages):
        raise typer.BadParameter(
            f"{text!r} is not a list of percentages such as 2.5,1", param_hint=option
        )
    return percentages


def _widths(task: str, text: str) -> tuple[int, ...]:
    """Units per layer; default: two hidden layers of 24."""
    from netsculpt.training.tasks import parse_task

    samples = parse_task(task, rng=0)
    ends = (samples.n_inputs, samples.n_outputs)
    parts = text.split(",") if text else [str(ends[0]), "24", "24", str(ends[1])]
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(
            f"{text!r} is not a list of widths such as 4,24,24,4", param_hint="--arch"
        )
    widths = tuple(int(part) for part in parts)
    if len(widths) < 3 or (widths[0], widths[-1]) != ends:
        raise typer.BadParameter(
            f"{text!r} does not fit {task}: {ends[0]} inputs, at least one hidden layer and "
            f"{ends[1]} outputs are needed",
            param_hint="--arch",
        )
    return widths
