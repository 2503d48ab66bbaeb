"""``netsculpt reuse``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.inputs import hashes, refused_as
from netsculpt.cli.options import (
    AsJson,
    FigureOptions,
    Seed,
    choice,
    refuse_figures,
    require_writable,
)
from netsculpt.cli.takes import takes
from netsculpt.core.catalog import names
from netsculpt.core.folders import require_replaceable

if TYPE_CHECKING:
    from netsculpt.graph.circuits import Circuit
    from netsculpt.training import NetOnTask

__all__ = ["reuse"]

MOST = 1_000_000  # random sets


@takes
def reuse(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A model.pt, an MLP.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Another one.")],
    figures: FigureOptions,
    task: Annotated[
        str,
        typer.Option(
            help="The target's Boolean task: a name as in 'sculpt', or a text file with a function "
            "per line."
        ),
    ] = "",
    source_task: Annotated[
        str, typer.Option(help="The source's. Default: the one that its file names.")
    ] = "",
    unrelated: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Trained on a task that has nothing in common with the target's: which reuse "
            "chance gives; repeatable.",
        ),
    ] = None,
    unrelated_task: Annotated[
        list[str] | None,
        typer.Option(
            help="Its task, once for all or once per --unrelated. Default: the one that its file "
            "names."
        ),
    ] = None,
    functions: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Functions of either task, separated by commas. Default: sub-functions that both "
            "tasks contain, whatever they are called.",
        ),
    ] = "",
    detector: Annotated[str, choice(names("detectors"), "Modules of both nets: {}.")] = "layered",
    started_from_source: Annotated[
        bool,
        typer.Option(
            "--started-from-source",
            help="TARGET was trained from SOURCE: compare masks and units one by one too.",
        ),
    ] = False,
    control: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Trained from SOURCE on shuffled labels: which weights stay anyway.",
        ),
    ] = None,
    n_random: Annotated[
        int, typer.Option("--random", min=19, max=MOST, help="Random sets of units per module.")
    ] = 100,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for tables and figures.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Ask which functions of a source's task a target computes with the source's modules.

    Modules of both networks are matched by what they do on all inputs. Interchange tells which
    module carries which function, lesions what needs it. Each function is then reused, relearned
    elsewhere, distributed over modules, or absent. Inputs of the same name are the same input.
    What is left to chance is known only with `--unrelated`.

    **Examples**

    `netsculpt reuse source/seed-0/model.pt target/seed-0/model.pt --task target.txt --source-task
    source.txt`

    `netsculpt reuse a.pt b.pt --task overlap-2-use-4 --detector path_signature -o reused`

    `netsculpt reuse a.pt b.pt --task b.txt --source-task a.txt --functions left,right`

    `netsculpt reuse a.pt b.pt --task b.txt --source-task a.txt --unrelated c.pt --unrelated-task
    c.txt`
    """
    from netsculpt.files.model import read_model
    from netsculpt.report.reused import write_reuse
    from netsculpt.report.terminal.reuse import print_reuse
    from netsculpt.training import reuse_analysis
    from netsculpt.training.influence import replica_of_model

    if not task:
        raise typer.BadParameter(
            "the target's task is needed: a name such as overlap-2-use-4, or a text file with a "
            "function per line",
            param_hint="--task",
        )
    if control is not None and not started_from_source:
        raise typer.BadParameter(
            "a control tells which weights stay, which means nothing unless TARGET was trained "
            "from SOURCE: add --started-from-source, or leave it out",
            param_hint="--control",
        )
    refuse_figures(context, output)
    asked = [name.strip() for name in functions.split(",")] if functions else None
    if output is not None:
        require_writable(output)
        require_replaceable(output, "reuse")
    read = [source, target, *(unrelated or []), control]
    nets = [_net(source, source_task, "--source-task"), _net(target, task, "--task")]
    others = _unrelated(unrelated or [], unrelated_task or [])
    analysis = reuse_analysis(
        nets[0].on_task,
        nets[1].on_task,
        unrelated=[x.on_task for x in others],
        functions=asked,
        detector=detector,
        started_from_source=started_from_source,
        control=None if control is None else replica_of_model(read_model(control)),
        n_random=n_random,
        rng=seed,
    )
    about = {
        "source": str(source),
        "target": str(target),
        "source_task": nets[0].task,
        "task": nets[1].task,
        "unrelated": [{"model": str(x.path), "task": x.task} for x in others],
        "control": None if control is None else str(control),
        "functions": asked,
        "detector": detector,
        "started_from_source": started_from_source,
        "n_random": n_random,
    }
    inputs = hashes(read, [x.task for x in (*nets, *others)])
    if output is not None:
        write_reuse(
            analysis,
            output,
            arguments={**about, "seed": seed},
            inputs=inputs,
            figures=figures.style,
        )
    if as_json:
        typer.echo(json.dumps({**about, **analysis.summary()}, indent=2, allow_nan=False))
    else:
        print_reuse(analysis, output)


@dataclass(frozen=True, eq=False)
class _Net:
    """A net of a file, and the task that it was trained on."""

    path: Path
    task: str
    on_task: NetOnTask


def _net(path: Path, task: str, option: str) -> _Net:
    """The net of a file; without a task, on the one that the file names."""
    from netsculpt.files.model import read_model
    from netsculpt.training import NetOnTask
    from netsculpt.training.influence import replica_of_model, task_name_of

    model = read_model(path)
    name = task or task_name_of(model)
    if name is None:
        raise typer.BadParameter(
            f"{str(path)!r} does not name a task of netsculpt: say what it was trained on",
            param_hint=option,
        )
    return _Net(path, name, NetOnTask(replica_of_model(model), _circuit(name, option)))


def _unrelated(models: list[Path], tasks: list[str]) -> list[_Net]:
    """The unrelated nets, each on its task or all on one."""
    option = "--unrelated-task"
    if len(tasks) not in (0, 1, len(models)) or len(tasks) > len(models):
        raise typer.BadParameter(
            f"{len(tasks)} tasks for {len(models)} models of --unrelated: one for all, or one for "
            "each is needed",
            param_hint=option,
        )
    each = tasks if len(tasks) == len(models) else [*tasks, ""][:1] * len(models)
    return [_net(model, task, option) for model, task in zip(models, each, strict=True)]


def _circuit(task: str, option: str) -> Circuit:
    from netsculpt.training.tasks import named_circuit

    with refused_as(option):
        return named_circuit(task)
