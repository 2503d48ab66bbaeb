"""``netsculpt sculpt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.messages import complain
from netsculpt.cli.options import (
    Detector,
    Device,
    choice,
    chosen_detectors,
    finite,
    jobs_option,
    require_writable,
)
from netsculpt.core.catalog import names

__all__ = ["sculpt"]

WITH_RESUME = ("detector", "jobs", "output", "resume")  # options that do not belong to the plan
MOST_SEEDS = 1_000_000  # in one sculpting


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
        str,
        typer.Option(
            "--unit-gradients", help="Percent of hidden units pruned per step; one or several."
        ),
    ] = "70,30,10",
    edge_gradients: Annotated[
        str,
        typer.Option(
            "--edge-gradients", help="Percent of weights pruned per step; one or several."
        ),
    ] = "2.5,1",
    goal_accuracy: Annotated[
        float,
        typer.Option("--goal-accuracy", min=1e-3, max=100, help="Accuracy to keep, in percent."),
    ] = 100.0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Epochs of every training.")] = 40,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Samples per step.")] = 8,
    learning_rate: Annotated[
        float,
        typer.Option("--learning-rate", min=0, callback=finite, help="Learning rate of Adam."),
    ] = 0.05,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", min=0, callback=finite, help="Weight decay of Adam.")
    ] = 1e-4,
    noise: Annotated[
        float,
        typer.Option(
            "--noise",
            min=0,
            callback=finite,
            help="Standard deviation of the noise added to training inputs.",
        ),
    ] = 0.1,
    unit_score: Annotated[
        str, choice("--unit-score", names("unit_scores"))
    ] = "activation_gradient",
    edge_score: Annotated[str, choice("--edge-score", names("edge_scores"))] = "magnitude",
    schedule: Annotated[str, choice("--schedule", names("schedules"))] = "linear",
    rewind: Annotated[
        bool,
        typer.Option("--rewind", help="Retrain from the initial weights, as for lottery tickets."),
    ] = False,
    single_edges: Annotated[
        bool, typer.Option("--single-edges", help="At the end, also try to prune each edge alone.")
    ] = False,
    detector: Detector = "sculpting,path_signature,functional",
    device: Device = "cpu",
    together: Annotated[
        int, typer.Option("--together", min=1, help="Maximum number of runs in one stacked batch.")
    ] = 1000,
    jobs: Annotated[int, jobs_option("Processes that share the batches; -1 = one per core.")] = 1,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for models and tables.")
    ] = Path("runs"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue in the folder, with the plan it holds.")
    ] = False,
) -> None:
    """Train networks, then prune units and edges for as long as they still solve the task.

    Neural Sculpting (Patil et al. 2023): what is left shows the functions that the task consists
    of. All runs (seeds × gradients) are trained as one stacked batch; for each seed the sparsest
    network is kept. An interrupted run resumes with --resume, to the same bits.

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
                "that 'sculpt -o' wrote, or a TASK to start",
                param_hint="--resume",
            )
        if not begun:
            raise typer.BadParameter("a task is needed; see --help for names", param_hint="TASK")
        _refuse_plan_options(context)
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


def _refuse_plan_options(context: typer.Context) -> None:
    """Refuse, rather than ignore, an option that the plan in the folder would overrule."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in WITH_RESUME and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                "the plan in the folder already has it: leave it out",
                param_hint=f"--{name.replace('_', '-')}",
            )


def _integers(text: str) -> tuple[int, ...]:
    """Non-negative integers, as in "0-3,7"."""
    integers: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if len(ends) > 2 or not all(end.isdecimal() for end in ends):
            raise typer.BadParameter(
                f"{part!r} is neither a number nor a range", param_hint="--seeds"
            )
        span = range(int(ends[0]), int(ends[-1]) + 1)
        if len(span) > MOST_SEEDS:
            raise typer.BadParameter(
                f"{part!r} is {len(span):,} seeds; {MOST_SEEDS:,} are the most",
                param_hint="--seeds",
            )
        integers += span
    if not integers or len(set(integers)) < len(integers):
        raise typer.BadParameter(f"{text!r} names a seed twice, or none", param_hint="--seeds")
    return tuple(integers)


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


def _widths(task_name: str, text: str) -> tuple[int, ...]:
    """Units per layer; by default two hidden layers of 24."""
    from netsculpt.training.tasks import parse_task

    task = parse_task(task_name, rng=0)
    ends = (task.n_inputs, task.n_outputs)
    parts = text.split(",") if text else [str(ends[0]), "24", "24", str(ends[1])]
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a list such as 4,24,24,4", param_hint="--arch")
    widths = tuple(int(part) for part in parts)
    if len(widths) < 3 or (widths[0], widths[-1]) != ends:
        raise typer.BadParameter(
            f"{text!r} does not fit {task_name}: {ends[0]} inputs, at least one hidden layer and "
            f"{ends[1]} outputs are needed",
            param_hint="--arch",
        )
    return widths
