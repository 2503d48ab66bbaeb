"""The command line. Only light imports at the top: ``netsculpt --help`` opens at once."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from netsculpt.catalog import names
from netsculpt.errors import NetsculptError, TopologyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsculpt.graph import NetGraph
    from netsculpt.pipeline import Analysis

__all__ = ["main"]

EXIT_CODES = (
    "Exit codes: 0 ok · 1 a bug in netsculpt · 2 usage · 3 unreadable or unsupported file · "
    "4 refused as unsafe · 5 topology needed · 6 limit exceeded · 130 interrupted."
)
DETECTORS = names("netsculpt.modules.detectors")
DATA_AWARE = names("netsculpt.modules.data_aware")
NULLS = names("netsculpt.nulls")
UNIT_SCORES = names("netsculpt.training.unit_scores")
EDGE_SCORES = names("netsculpt.training.edge_scores")
SCHEDULES = names("netsculpt.training.schedules")
FORMATS = ("pdf", "png", "svg")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)


class Width(StrEnum):
    """Where a figure will be printed."""

    NEURIPS = "neurips"
    ICML = "icml"
    NATURE = "nature"
    NATURE_DOUBLE = "nature-double"


def _one_of(known: list[str]) -> Callable[[str], str]:
    """A check that an option is one of the names of a catalogue."""

    def check(name: str) -> str:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}")
        return name

    return check


def _finite(value: float) -> float:
    if value == float("inf"):
        raise typer.BadParameter("a finite number is needed")
    return value


def _some_jobs(jobs: int) -> int:
    if jobs == 0:
        raise typer.BadParameter("0 processes do nothing; 1 or more, or -1 for one a core")
    return jobs


Model = Annotated[
    Path, typer.Argument(help="Checkpoint, state dict, safetensors, or a graph .npz of ours.")
]
Mask = Annotated[
    Path | None, typer.Option("--mask", help="File of masks, where the model holds none.")
]
MaxBytes = Annotated[
    int, typer.Option("--max-bytes", min=1, help="Refuse files with more bytes of weights.")
]
AllowNonfinite = Annotated[
    bool, typer.Option("--allow-nonfinite", help="Drop edges that weigh NaN or ±inf, and say so.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same bytes.")]
Detector = Annotated[
    str,
    typer.Option(
        "--detector", help=f"{' | '.join((*DETECTORS, *DATA_AWARE))} | all; several with commas."
    ),
]
Nulls = Annotated[int, typer.Option("--nulls", min=0, help="Null networks for z and p; 0 = none.")]
Null = Annotated[
    str,
    typer.Option("--null", callback=_one_of(NULLS), help=f"Null model: {' | '.join(NULLS)}."),
]
Seeds = Annotated[int, typer.Option("--stability-seeds", min=0, help="Runs for the stability.")]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        callback=_some_jobs,
        help="Processes for nulls and seeds; -1 = one a core.",
    ),
]
Figures = Annotated[
    str, typer.Option("--figures", help="Formats, with commas: pdf,png,svg; 'none' draws none.")
]
FigureWidth = Annotated[Width, typer.Option("--width", help="Column that figures are made for.")]
UnitScore = Annotated[
    str, typer.Option("--unit-score", callback=_one_of(UNIT_SCORES), help=" | ".join(UNIT_SCORES))
]
EdgeScore = Annotated[
    str, typer.Option("--edge-score", callback=_one_of(EDGE_SCORES), help=" | ".join(EDGE_SCORES))
]
Schedule = Annotated[
    str, typer.Option("--schedule", callback=_one_of(SCHEDULES), help=" | ".join(SCHEDULES))
]
EIGHT_GIB = 8 << 30
INTERRUPTED = 130
ANEW = ("detector", "jobs", "output", "resume")  # what --resume may be given
MOST_SEEDS = 1_000_000  # in one sculpting


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[  # noqa: ARG001 - main() reads it before the arguments are parsed
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Network science of sparse neural networks.

    A sparse model becomes a weighted graph of its units; paths, modules, their hierarchy and
    their significance against a null model are read off it.

    **Examples**

    `netsculpt demo` sculpts a network and analyses it.

    `netsculpt analyze model.pt -o out` analyses yours.

    `netsculpt analyze weights.pth --mask masks.pkl --detector all --nulls 200`
    """
    if version:
        from netsculpt._version import __version__

        typer.echo(f"netsculpt {__version__}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
def analyze(
    model: Model,
    mask: Mask = None,
    detector: Detector = "leiden",
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help=f"Data for {', '.join(DATA_AWARE)}: a task as 'sculpt' takes it; not needed for "
            "models that 'sculpt' wrote.",
        ),
    ] = None,
    nulls: Nulls = 100,
    null: Null = "rewire",
    stability_seeds: Seeds = 20,
    jobs: Jobs = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for tables, graph and figures.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json instead of the report.")
    ] = False,
    figures: Figures = "pdf,png",
    width: FigureWidth = Width.NEURIPS,
    dense: Annotated[
        bool, typer.Option("--dense", help="Analyse a model without mask or zero weight anyway.")
    ] = False,
    max_bytes: MaxBytes = EIGHT_GIB,
    allow_nonfinite: AllowNonfinite = False,
) -> None:
    """Read a sparse model and tell what its graph is made of.

    **Examples**

    `netsculpt analyze model.pt`

    `netsculpt analyze model.pth --mask mask.pkl -o out --figures pdf,svg --width icml`

    `netsculpt analyze model.safetensors --detector all --nulls 500 --json > summary.json`
    """
    detectors = _detectors(detector)
    formats = _formats(figures)
    if task is not None and not set(detectors).intersection(DATA_AWARE):
        raise typer.BadParameter(
            f"only {', '.join(DATA_AWARE)} uses data: ask for it with --detector",
            param_hint="--task",
        )
    if output is not None:
        _writable(output)
    graph = _load(model, mask, max_bytes, allow_nonfinite)
    _refuse_dense(graph, model, dense)
    if task is None and set(detectors).intersection(DATA_AWARE):
        task = _task_of(model)
        if task is None:
            detectors = _without_data(detectors, detector)
    arguments = {
        "model": str(model),
        "mask": None if mask is None else str(mask),
        "task": task,
        "seed": seed,
        "detectors": detectors,
        "null": null,
        "nulls": nulls,
        "stability_seeds": stability_seeds,
        "figures": formats,
        "width": width.value,
    }
    _run(graph, arguments, output, jobs=jobs, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def export(
    model: Model,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write: .graphml, .gexf or .npz.")
    ],
    mask: Mask = None,
    live: Annotated[bool, typer.Option("--live", help="Leave out dead units.")] = False,
    max_bytes: MaxBytes = EIGHT_GIB,
    allow_nonfinite: AllowNonfinite = False,
) -> None:
    """Write a model's graph for Gephi, networkx or NumPy.

    **Examples**

    `netsculpt export model.pt -o model.gexf`

    `netsculpt export weights.pth --mask masks.pkl --live -o model.graphml`
    """
    from netsculpt.exporting import ENDINGS
    from netsculpt.exporting import export as write

    if output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            f"{output.name!r} ends in {output.suffix!r}; {', '.join(sorted(ENDINGS))} are written",
            param_hint="-o",
        )
    _writable(output.parent)
    graph = _load(model, mask, max_bytes, allow_nonfinite)
    kept = graph.live() if live else graph
    output.parent.mkdir(parents=True, exist_ok=True)
    write(kept, output)
    typer.echo(f"{output}: {kept.n_units} units, {kept.n_edges} edges", err=True)


@app.command(epilog=EXIT_CODES)
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
        str, typer.Option("--unit-gradients", help="Percent of the hidden units a step; several.")
    ] = "70,30,10",
    edge_gradients: Annotated[
        str, typer.Option("--edge-gradients", help="Percent of the weights a step; several.")
    ] = "2.5,1",
    goal_accuracy: Annotated[
        float,
        typer.Option("--goal-accuracy", min=1e-3, max=100, help="Percent right that must be kept."),
    ] = 100.0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Of every training.")] = 40,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Samples a step.")] = 8,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", min=0, callback=_finite, help="Of Adam.")
    ] = 0.05,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", min=0, callback=_finite, help="Of Adam.")
    ] = 1e-4,
    noise: Annotated[
        float,
        typer.Option(
            "--noise",
            min=0,
            callback=_finite,
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
        bool, typer.Option("--single-edges", help="In the end try every edge alone, too.")
    ] = False,
    detector: Detector = "sculpting,path_signature,functional",
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, …")] = "cpu",
    together: Annotated[
        int, typer.Option("--together", min=1, help="Most runs trained as one batch of seeds.")
    ] = 1000,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            callback=_some_jobs,
            help="Processes that share the batches; -1 = one a core.",
        ),
    ] = 1,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for models and tables.")
    ] = Path("runs"),
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on in the folder, as it was begun."),
    ] = False,
) -> None:
    """Train networks, prune units, then edges, as long as the task stays solved.

    Neural Sculpting (Patil et al. 2023): what is left shows the functions the task is made of. All
    runs (seeds × gradients) are trained as one stacked batch; for each seed the sparsest network
    is kept. A run that was killed goes on with --resume, to the same bits.

    **Tasks** input-separable · reused · input-separable-reused · non-modular · overlap-K-use-N ·
    reused-use-N · levels-N · digits · two-digits-separate · two-digits-sum

    **Examples**

    `netsculpt sculpt input-separable --arch 4,24,24,4 -o runs`

    `netsculpt sculpt overlap-2-use-4 --seeds 0-19 --batch-size 32 --together 30 -j -1`

    `netsculpt sculpt --resume -o runs`

    `netsculpt analyze runs/seed-0/model.pt`
    """
    from netsculpt.report.progress import progress_bars
    from netsculpt.report.sculpted import print_sweep
    from netsculpt.sweep import Plan, read_plan, sweep
    from netsculpt.training.tasks import absolute

    detectors = _detectors(detector)
    begun = (output / "plan.json").exists()
    if begun and not resume:
        raise typer.BadParameter(
            f"{str(output)!r} holds a sculpting: go on with --resume, or name another folder",
            param_hint="-o",
        )
    if task is None:
        if resume and not begun:
            raise typer.BadParameter(
                f"{str(output)!r} holds no sculpting to go on with (no plan.json): name the folder "
                "that 'sculpt -o' wrote, or a TASK to begin",
                param_hint="--resume",
            )
        if not begun:
            raise typer.BadParameter("a task is needed; see the help for names", param_hint="TASK")
        _only_the_plan(context)
        plan = read_plan(output)
    else:
        task = absolute(task)
        plan = Plan(
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
    _writable(output)
    try:
        with progress_bars() as progress:
            found = sweep(plan, output, detectors=detectors, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        _complain(f"go on with: netsculpt sculpt --resume -o {output}")
        raise
    print_sweep(found, output, detectors)


@app.command(epilog=EXIT_CODES)
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the model and its analysis.")
    ] = Path("netsculpt-demo"),
    seed: Seed = 0,
    figures: Figures = "pdf,png",
    width: FigureWidth = Width.NEURIPS,
) -> None:
    """Sculpt a network for a task whose functions are known, and analyse it.

    Six small networks are trained on a Boolean task and pruned as long as they solve it, which
    takes some seconds. The sparsest is saved as model.pt and read back like any other model; what
    the detectors find in it is compared with the functions that the task is made of.

    **Example**

    `netsculpt demo -o demo`
    """
    from netsculpt.report.demo import PLAN, print_verdicts, sculpted_model
    from netsculpt.report.progress import progress_bars

    formats = _formats(figures)
    _writable(output)
    output.mkdir(parents=True, exist_ok=True)
    detectors = [*DETECTORS, *DATA_AWARE]
    with progress_bars() as progress:
        network = sculpted_model(output, seed, detectors, progress)
    model = output / "model.pt"
    graph = _load(model, None, EIGHT_GIB, allow_nonfinite=False)
    arguments = {
        "model": str(model),
        "mask": None,
        "task": PLAN.task,
        "seed": seed,
        "detectors": detectors,
        "null": "rewire",
        "nulls": 100,
        "stability_seeds": 20,
        "figures": formats,
        "width": width.value,
    }
    print_verdicts(network, _run(graph, arguments, output))


def main() -> NoReturn:
    """Run the command line and exit with a documented code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="netsculpt")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            _complain("interrupted")
        raise
    except Exception as error:
        if debug:
            raise
        sys.exit(_explain(error))
    sys.exit(0)


def _explain(error: Exception) -> int:
    """One paragraph on stderr; returns the exit code."""
    if isinstance(error, NetsculptError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, OSError):
        _complain(f"{error.strerror or error}: {error.filename or 'a file'}")
        return NetsculptError.exit_code
    _complain(
        f"{type(error).__name__}: {error}. This is a bug in netsculpt: please report it with what "
        "`netsculpt --debug …` prints."
    )
    return 1


def _complain(message: str) -> None:
    typer.echo(f"netsculpt: {message}", err=True)


def _load(model: Path, mask: Path | None, max_bytes: int, allow_nonfinite: bool) -> NetGraph:
    from netsculpt.loading import load

    return load(model, mask=mask, max_bytes=max_bytes, allow_nonfinite=allow_nonfinite)


def _refuse_dense(graph: NetGraph, model: Path, dense: bool) -> None:
    """A dense network without a mask is nearly always a mask that was forgotten."""
    unmasked = any(taken.parameters.get("edges") == "nonzero" for taken in graph.provenance)
    if unmasked and graph.density == 1 and not dense:
        raise TopologyError(
            f"{model} holds no mask and no weight that is exactly 0, so all {graph.n_edges} "
            "weights would be edges of a dense network; a sparse one is needed: pass its masks "
            "with --mask FILE, or --dense to analyse it as it is"
        )


def _run(
    graph: NetGraph,
    arguments: dict[str, Any],
    output: Path | None,
    *,
    jobs: int = 1,
    as_json: bool = False,
) -> Analysis:
    from netsculpt.pipeline import analyze
    from netsculpt.report.folder import write_folder
    from netsculpt.report.progress import progress_bars
    from netsculpt.report.summary import summary_json
    from netsculpt.report.terminal import print_report

    with progress_bars() as progress:
        found = analyze(
            graph,
            rng=arguments["seed"],
            detectors=arguments["detectors"],
            influence=_influence(arguments),
            null=arguments["null"],
            n_nulls=arguments["nulls"],
            n_seeds=arguments["stability_seeds"],
            jobs=jobs,
            progress=progress,
        )
        if output is not None:
            write_folder(found, output, arguments, progress=progress)
    if as_json:
        typer.echo(summary_json(found))
    else:
        print_report(found, output)
    return found


def _task_of(model: Path) -> str | None:
    """The task that a model of ours was made for; other files name none."""
    from netsculpt.training.influence import task_of

    return task_of(model)


def _influence(arguments: dict[str, Any]) -> NDArray[np.float64] | None:
    """What units carry on the task's data, if a detector asks for it."""
    if not set(arguments["detectors"]).intersection(DATA_AWARE):
        return None
    from netsculpt.training.influence import measured_influence

    return measured_influence(arguments["model"], arguments["task"])


def _without_data(detectors: list[str], asked: str) -> list[str]:
    """What can be found without data; who names a detector that needs them is told."""
    if asked != "all":
        raise typer.BadParameter(
            f"{', '.join(DATA_AWARE)} needs a model.pt of netsculpt and its data: name the task "
            "that it was trained on",
            param_hint="--task",
        )
    return [name for name in detectors if name not in DATA_AWARE]


def _detectors(text: str) -> list[str]:
    known = [*DETECTORS, *DATA_AWARE]
    wanted = known if text == "all" else [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(known)}, all", param_hint="--detector"
            )
    return list(dict.fromkeys(wanted))


def _only_the_plan(context: typer.Context) -> None:
    """An option that the plan of a begun folder would overrule is refused, not ignored."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in ANEW and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                "this was settled when the folder was begun: leave it out",
                param_hint=f"--{name.replace('_', '-')}",
            )


def _integers(text: str) -> tuple[int, ...]:
    """Non-negative ones, as in "0-3,7"."""
    found: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if len(ends) > 2 or not all(end.isdecimal() for end in ends):
            raise typer.BadParameter(f"{part!r} is no number and no range", param_hint="--seeds")
        several = range(int(ends[0]), int(ends[-1]) + 1)
        if len(several) > MOST_SEEDS:
            raise typer.BadParameter(
                f"{part!r} are {len(several):,} seeds; {MOST_SEEDS:,} are the most",
                param_hint="--seeds",
            )
        found += several
    if not found or len(set(found)) < len(found):
        raise typer.BadParameter(f"{text!r} names a seed twice, or none", param_hint="--seeds")
    return tuple(found)


def _percentages(text: str, option: str) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 < value <= 100 for value in found):
        raise typer.BadParameter(
            f"{text!r} is no list of percentages such as 2.5,1", param_hint=option
        )
    return found


def _widths(task: str, text: str) -> tuple[int, ...]:
    """Units per layer; two hidden layers of 24 if nothing is said."""
    from netsculpt.training.tasks import given_task

    made = given_task(task, rng=0)
    ends = (made.n_inputs, made.n_outputs)
    parts = text.split(",") if text else [str(ends[0]), "24", "24", str(ends[1])]
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"{text!r} is no list such as 4,24,24,4", param_hint="--arch")
    widths = tuple(int(part) for part in parts)
    if len(widths) < 3 or (widths[0], widths[-1]) != ends:
        raise typer.BadParameter(
            f"{text!r} does not fit {task}: {ends[0]} inputs, at least one hidden layer and "
            f"{ends[1]} outputs are needed",
            param_hint="--arch",
        )
    return widths


def _formats(text: str) -> list[str]:
    if text == "none":
        return []
    wanted = [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in FORMATS:
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(FORMATS)}, none", param_hint="--figures"
            )
    return list(dict.fromkeys(wanted))


def _writable(folder: Path) -> None:
    """Find out before the work, not after it, and leave nothing behind."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        raise typer.BadParameter(
            f"{str(folder)!r} cannot be written to ({error.strerror}); name another folder",
            param_hint="-o",
        ) from None
