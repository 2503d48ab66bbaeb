"""``netsculpt sculpt``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.nets import spec_of
from netsculpt.cli.options import (
    BatchSize,
    Detector,
    Device,
    Epochs,
    FigureOptions,
    LearningRate,
    Noise,
    WeightDecay,
    choice,
    chosen_detectors,
    is_given,
    jobs_option,
    numbers,
    refuse_options,
    require_writable,
    share,
    whole,
)
from netsculpt.cli.resuming import refuse_restart, resumable
from netsculpt.cli.takes import takes
from netsculpt.cli.tasks import NETS, TASKS
from netsculpt.core.catalog import names
from netsculpt.core.figure_style import FigureStyle

if TYPE_CHECKING:
    from netsculpt.studies.sculpting import SweepConfig

__all__ = ["resume_sculpting", "sculpt"]

# Options that do not belong to the plan.
WITH_RESUME = ("detector", "figures", "jobs", "output", "resume", "width", "quiet", "verbose")
MOST_SEEDS = 1_000_000  # in one sculpting
DETECTOR_NAMES = "sculpting,path_signature,functional"

# Defaults with a net of another kind: perceptrons are tiny, and trained on noisy truth tables.
_OF_NETS = {
    "unit_gradients": "20",
    "edge_gradients": "5",
    "batch_size": 32,
    "learning_rate": 0.003,
    "noise": 0.0,
}
_DETECTORS_OF_NETS = "layered"


@dataclass(frozen=True)
class SweepOptions:
    """The options that make a `SweepConfig`, named as its fields."""

    widths: Annotated[
        str,
        typer.Option(
            "--arch",
            help="Units per layer, inputs and outputs included: 4,24,24,4. Default: two hidden "
            "layers of 24.",
        ),
    ] = ""
    net: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help=f"A net of another kind: {NETS} Defaults with it: --unit-gradients 20 "
            "--edge-gradients 5 --batch-size 32 --learning-rate 0.003 --noise 0, and layered as "
            "--detector.",
        ),
    ] = None
    seeds: Annotated[str, typer.Option(help="Such as 0-9 or 0,3,7.")] = "0-9"
    unit_gradients: Annotated[
        str, typer.Option(help="Percent of hidden units pruned per step; one or several.")
    ] = "70,30,10"
    edge_gradients: Annotated[
        str, typer.Option(help="Percent of weights pruned per step; one or several.")
    ] = "2.5,1"
    goal_accuracy: Annotated[
        float, typer.Option(min=1e-3, max=100, help="Accuracy to keep, in percent.")
    ] = 100.0
    epochs: Epochs = 40
    batch_size: BatchSize = 8
    learning_rate: LearningRate = 0.05
    weight_decay: WeightDecay = 1e-4
    noise: Noise = 0.1
    unit_score: Annotated[
        str, choice(names("unit_scores"), "Units that score lowest are pruned first: {}.")
    ] = "activation_gradient"
    edge_score: Annotated[
        str, choice(names("edge_scores"), "Weights that score lowest are pruned first: {}.")
    ] = "magnitude"
    schedule: Annotated[
        str, choice(names("schedules"), "How what is pruned grows with the steps: {}.")
    ] = "linear"
    rewind: Annotated[
        bool,
        typer.Option("--rewind", help="Retrain from the initial weights, as for lottery tickets."),
    ] = False
    single_edges: Annotated[
        bool, typer.Option("--single-edges", help="At the end, also try to prune each edge alone.")
    ] = False
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Follow the authors' code to the letter: prune dense networks that miss the "
            "goal, too, keep the retraining between units and edges in any case, and more.",
        ),
    ] = False
    device: Device = "cpu"
    together: Annotated[
        int, typer.Option(min=1, help="Maximum number of runs in one stacked batch.")
    ] = 1000

    def config(self, task: str) -> SweepConfig:
        """The configuration of a sweep for this task."""
        from netsculpt.studies.sculpting import SweepConfig
        from netsculpt.training.tasks import absolute_task

        task = absolute_task(task)
        parsed = {
            "widths": () if self.net else _widths(task, self.widths),
            "net": self.net or "",
            "seeds": _integers(self.seeds),
            "unit_gradients": _percentages(self.unit_gradients, "--unit-gradients"),
            "edge_gradients": _percentages(self.edge_gradients, "--edge-gradients"),
            "goal_accuracy": share(self.goal_accuracy),
        }
        return SweepConfig(task, **{**vars(self), **parsed})


def _of_net(plan: SweepOptions, context: typer.Context) -> SweepOptions:
    """The options with the defaults of their net; ``mlp:4,8,4`` is the same as ``--arch 4,8,4``."""
    from netsculpt.nets.families import MLP

    if plan.net is None:
        return plan
    spec = spec_of(plan.net)
    if plan.widths:
        raise typer.BadParameter("--net has its sizes: leave it out", param_hint="--arch")
    if isinstance(spec, MLP):
        whole = spec == MLP(spec.widths)
        return replace(plan, net=None, widths=",".join(map(str, spec.widths))) if whole else plan
    changed: dict[str, Any] = {
        name: x for name, x in _OF_NETS.items() if not is_given(context, name)
    }
    return replace(plan, **changed)


@takes
def sculpt(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            help=f"What to learn; not needed with --resume. {TASKS}",
        ),
    ] = None,
    *,
    plan: SweepOptions,
    detector: Detector = DETECTOR_NAMES,
    jobs: Annotated[int, jobs_option("Processes that share the batches; -1 = one per core.")] = 1,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for models and tables.")
    ] = Path("runs"),
    figures: FigureOptions,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue in the folder, with the plan it holds.")
    ] = False,
) -> None:
    """Train networks, then prune units and edges for as long as they still solve the task.

    Neural Sculpting (Patil et al. 2023): what is left shows the functions that the task consists
    of. All runs (seeds × gradients) are trained as one stacked batch; for each seed the sparsest
    network is kept. An interrupted run resumes with --resume, to the same bits; the detectors stay
    what they were unless others are named.

    Next to the model of a seed, in seed-0/history, are the masks after every round, which 'track'
    follows, the rounds with their losses (history.csv), the layers (layers.csv) and figures.

    With --net the same is done to nets of other kinds: whole channels, neurons, heads of
    attention, channels of a residual stream and hidden units of an LSTM are pruned, then kernels
    and weights. They are trained one by one, each time until they reach the goal.

    **Examples**

    `netsculpt sculpt input-separable --arch 4,24,24,4 -o runs`

    `netsculpt sculpt overlap-2-use-4 --seeds 0-19 --batch-size 32 --together 30 -j -1`

    `netsculpt sculpt --net cnn:2x8x8:8,16:32:20 two-digits-separate --goal-accuracy 93 --seeds 0-1`

    `netsculpt sculpt --net lstm:16x1:16:16 quotes --goal-accuracy 90 --seeds 0`

    `netsculpt sculpt --net sparse_gpt:16:16:16:1:2 quotes --goal-accuracy 95 --seeds 0`

    `netsculpt sculpt --resume -o runs`

    `netsculpt analyze runs/seed-0/model.pt`

    `netsculpt track runs/seed-0 -o modules`
    """
    from netsculpt.studies.sculpting import read_config, read_detectors

    plan = _of_net(plan, context)
    if plan.net is not None and not is_given(context, "detector"):
        detector = _DETECTORS_OF_NETS
    detectors = chosen_detectors(detector)
    saved = output / "plan.json"
    refuse_restart(saved, resume)
    if task is not None:
        config = plan.config(task)
    elif saved.exists():
        refused = [name for name in context.params if name not in WITH_RESUME]
        refuse_options(context, refused, "the plan in the folder already has it")
        config = read_config(output)
    elif resume:
        raise typer.BadParameter(
            f"{str(output)!r} holds no sculpting to resume (no plan.json): name the folder that "
            "'sculpt -o' wrote, or a TASK to start",
            param_hint="--resume",
        )
    else:
        raise typer.BadParameter(
            "a task is needed, such as input-separable; --help lists all", param_hint="TASK"
        )
    if saved.exists() and not is_given(context, "detector"):
        detectors = list(read_detectors(output))
    _sculpt(config, output, detectors, jobs, figures.style)


def resume_sculpting(folder: Path, jobs: int) -> None:
    """Finish the sculpting in a folder, with the detectors that it was run with."""
    from netsculpt.studies.sculpting import read_config, read_detectors

    _sculpt(read_config(folder), folder, list(read_detectors(folder)), jobs, FigureStyle())


def _sculpt(
    config: SweepConfig, output: Path, detectors: list[str], jobs: int, figures: FigureStyle
) -> None:
    from netsculpt.report.sculpted import write_histories
    from netsculpt.report.terminal.sculpted import print_sweep
    from netsculpt.studies.sculpting import sweep

    require_writable(output)
    with resumable(f"run: netsculpt sculpt --resume -o {output}") as progress:
        result = sweep(config, output, detectors=detectors, jobs=jobs, progress=progress)
        write_histories(result, output, figures=figures, progress=progress)
    print_sweep(result, output, detectors)


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


def _percentages(text: str, flag: str) -> tuple[float, ...]:
    needed = "a list of percentages such as 2.5,1"
    return numbers(text, float, lambda value: 0 < value <= 100, needed=needed, flag=flag)


def _widths(task_name: str, text: str) -> tuple[int, ...]:
    """Units per layer; by default two hidden layers of 24."""
    from netsculpt.training.tasks import parse_task

    task = parse_task(task_name, rng=0)
    ends = (task.n_inputs, task.n_outputs)
    if not text:
        return ends[0], 24, 24, ends[1]
    needed = "a list such as 4,24,24,4"
    widths = numbers(text, whole, lambda width: width > 0, needed=needed, flag="--arch")
    if len(widths) < 3 or (widths[0], widths[-1]) != ends:
        raise typer.BadParameter(
            f"{text!r} does not fit {task_name}: {ends[0]} inputs, at least one hidden layer and "
            f"{ends[1]} outputs are needed",
            param_hint="--arch",
        )
    return widths
