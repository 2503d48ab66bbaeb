"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from netsculpt.cli.messages import note, one_line_warnings
from netsculpt.core.catalog import catalog, names, not_one_of
from netsculpt.core.declared import needed_by
from netsculpt.core.extras import is_installed, missing
from netsculpt.core.figure_style import FORMATS, WIDTHS, FigureStyle, Width
from netsculpt.core.forms import FORMS

if TYPE_CHECKING:
    from netsculpt.pipeline import AnalysisPlan

__all__ = [
    "DATA_AWARE",
    "DETECTORS",
    "AsJson",
    "BatchSize",
    "Detector",
    "Device",
    "Epochs",
    "FigureOptions",
    "LearningRate",
    "ModuleFigureOptions",
    "Noise",
    "PageFigureOptions",
    "PlanOptions",
    "Resume",
    "Seed",
    "WeightDecay",
    "choice",
    "chosen_detectors",
    "completion",
    "is_given",
    "jobs_option",
    "list_of",
    "listed",
    "numbers",
    "recipe_option",
    "refuse_figures",
    "refuse_options",
    "require_writable",
    "share",
    "whole",
    "wrong_jobs",
]

one_line_warnings()  # the names of plugins are read below
DATA_AWARE = names("data_aware")
DETECTORS = (*names("detectors"), *DATA_AWARE)
MOST = 1_000_000_000  # of anything that is counted: beyond, no computation ends
MOST_JOBS = 1024

Number = TypeVar("Number", int, float)

recipe_option = partial(typer.Option, rich_help_panel="Recipe")


def choice(known: Sequence[str], text: str, **more: Any) -> Any:
    """An option whose value is one of `known`; its help is `text`, with the names for {}."""

    def check(name: str | None) -> str | None:
        if name is not None and name not in known:
            raise typer.BadParameter(not_one_of(name, known))
        return name

    completed = completion(known)
    text = text.format(" | ".join(known))
    more.setdefault("metavar", "NAME")
    return typer.Option(callback=check, autocompletion=completed, help=text, **more)


def completion(known: Sequence[str]) -> Callable[[str], list[str]]:
    """What a shell completes: names of `known`, the last one of a list separated by commas.

    >>> completion(["layered", "leiden", "mdl"])("mdl,le")
    ['mdl,leiden']
    """

    def completed(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in known if name.startswith(last)]

    return completed


def jobs_option(text: str) -> Any:
    """The option --jobs; `text` says what the workers share."""
    return typer.Option("--jobs", "-j", callback=_number_of_jobs, help=text)


def share(percent: float) -> float:
    """A percentage as a share; 99.9 / 100 is a little more than 0.999."""
    return round(percent / 100, 12)


def numbers(
    text: str,
    kind: Callable[[str], Number],
    allowed: Callable[[Number], bool],
    *,
    needed: str,
    flag: str,
) -> tuple[Number, ...]:
    """Numbers separated by commas, each of them allowed."""
    try:
        values = tuple(kind(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or not all(map(allowed, values)):
        raise typer.BadParameter(f"{text!r} is not {needed}", param_hint=flag)
    return values


def whole(text: str) -> int:
    """A whole number in digits alone; `int` takes "+3" and "3_2" as well."""
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def refuse_options(
    context: typer.Context, names: Collection[str], reason: str, remedy: str = "leave it out"
) -> None:
    """Refuse, rather than ignore, options on the command line that would change nothing."""
    for option in context.command.params:
        if option.name in names and is_given(context, option.name):
            raise typer.BadParameter(f"{reason}: {remedy}", param_hint=option.opts[0])


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option is on the command line, rather than at its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_figures(context: typer.Context, output: Path | None) -> None:
    """Refuse options of figures on the command line where no folder is named to draw them in.

    That none are drawn may be said anyway.
    """
    if output is None and context.params["figures"] != "none":
        names = [field.name for field in fields(ModuleFigureOptions)]
        reason, remedy = "figures are drawn in a folder", "name it with -o, or leave this out"
        refuse_options(context, names, reason, remedy)


def _finite(value: float) -> float:
    if value == float("inf"):
        raise typer.BadParameter("a finite number is needed")
    return value


def list_of(known: Sequence[str], otherwise: str) -> Callable[[str], str]:
    """Accept names of `known`, each once, separated by commas, or the one word `otherwise`."""

    def check(text: str) -> str:
        given = [name.strip() for name in text.split(",")]
        for name in given:
            if name not in (*known, otherwise):
                raise typer.BadParameter(not_one_of(name, (*known, otherwise)))
            if given.count(name) > 1:
                raise typer.BadParameter(f"{name!r} is there twice: name each once")
        if otherwise in given and len(given) > 1:
            raise typer.BadParameter(f"{otherwise!r} stands alone: leave out the other names")
        return text

    return check


def listed(text: str) -> list[str]:
    """The names in a list separated by commas, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",")))


def _number_of_jobs(jobs: int) -> int:
    wrong = wrong_jobs(jobs)
    if wrong:
        raise typer.BadParameter(wrong)
    return jobs


def wrong_jobs(jobs: int) -> str | None:
    """What is wrong with a number of jobs; None if nothing is.

    >>> wrong_jobs(-5)
    '-5 jobs do nothing: 1 to 1,024 are needed, or -1 for one per core'
    """
    if jobs == -1 or 1 <= jobs <= MOST_JOBS:
        return None
    fault = "do nothing" if jobs < 1 else "are too many"
    return f"{jobs} jobs {fault}: 1 to {MOST_JOBS:,} are needed, or -1 for one per core"


Seed = Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")]


def _device_name(text: str) -> str:
    if not re.fullmatch("[a-z]+(:[0-9]{1,3})?", text):
        raise typer.BadParameter(
            f"{text!r:.40} is not the name of a device, such as cuda or cuda:1"
        )
    return text


Device = Annotated[str, typer.Option(callback=_device_name, help="cpu, cuda, cuda:1, …")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue where the same command was interrupted.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the summary as JSON instead of the report.")
]
Detector = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        callback=list_of(DETECTORS, "all"),
        autocompletion=completion((*DETECTORS, "all")),
        help=f"{' | '.join(DETECTORS)} | all; several separated by commas.",
    ),
]

Epochs = Annotated[
    int, recipe_option(min=1, max=MOST, help="Passes over the samples in a training.")
]
BatchSize = Annotated[int, recipe_option(min=1, max=MOST, help="Samples per step.")]
LearningRate = Annotated[
    float, recipe_option(callback=_finite, min=0, help="Largest learning rate.")
]
WeightDecay = Annotated[
    float, recipe_option(callback=_finite, min=0, help="Weight decay of the optimizer.")
]
Noise = Annotated[
    float,
    recipe_option(
        callback=_finite, min=0, help="Standard deviation of the noise added to training inputs."
    ),
]


@dataclass(frozen=True)
class PlanOptions:
    """The options that make an `AnalysisPlan`."""

    detector: Detector = "layered"
    n_nulls: Annotated[
        int | None,
        typer.Option(
            "--nulls",
            min=0,
            max=MOST,
            help="Null networks; 20 or more also test who feeds whom; 0 = none.",
            show_default="100; 20 for slow detectors",
        ),
    ] = None
    null: Annotated[str, choice(names("nulls"), "Null model: {}.")] = "rewire"
    n_seeds: Annotated[
        int | None,
        typer.Option(
            "--stability-seeds",
            min=0,
            max=MOST,
            help="Runs to measure stability, which needs 2 or more; 0 = none.",
            show_default="20; 10 of slow detectors",
        ),
    ] = None
    weights: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            callback=list_of(tuple(FORMS), "all"),
            autocompletion=completion((*FORMS, "all")),
            help="Weights for modules: balanced (free of the scales of units) | pattern (all 1) | "
            "magnitude | all; several separated by commas, the main one first.",
        ),
    ] = "balanced"

    def plan(self, detectors: Sequence[str]) -> AnalysisPlan:
        """The plan with these detectors."""
        from netsculpt.pipeline import AnalysisPlan

        forms = tuple(FORMS) if self.weights == "all" else tuple(listed(self.weights))
        return AnalysisPlan(tuple(detectors), self.null, self.n_nulls, self.n_seeds, forms)


Formats = Annotated[
    str,
    typer.Option(
        callback=list_of(FORMATS, "none"),
        autocompletion=completion((*FORMATS, "none")),
        help="Formats, separated by commas: pdf,png,svg; 'none' draws none.",
    ),
]


@dataclass(frozen=True)
class FigureOptions:
    """Which figures are drawn."""

    figures: Formats = "pdf,png,svg"
    width: Annotated[
        str, choice(tuple(WIDTHS), "Column that figures are made for: {}.", metavar="COLUMN")
    ] = "neurips"

    @property
    def style(self) -> FigureStyle:
        """How the figures are drawn."""
        formats = [] if self.figures == "none" else listed(self.figures)
        return FigureStyle(tuple(formats), cast("Width", self.width))


@dataclass(frozen=True)
class ModuleFigureOptions(FigureOptions):
    """Which figures are drawn, and whether those of modules say what these are worth."""

    no_verdicts: Annotated[
        bool,
        typer.Option(
            "--no-verdicts",
            help="Leave the verdict on the modules out of figures, for a caption of your own.",
        ),
    ] = False

    @property
    def style(self) -> FigureStyle:
        """How the figures are drawn."""
        return replace(super().style, verdicts=not self.no_verdicts)


@dataclass(frozen=True)
class PageFigureOptions(ModuleFigureOptions):
    """Which figures are drawn: those that the page shows, unless others are named."""

    figures: Formats = "svg"


def chosen_detectors(text: str) -> list[str]:
    """Names of detectors; "all" means every one whose libraries are installed."""
    if text != "all":
        return listed(text)
    absent = _absent_libraries()
    for name, library in absent.items():
        note(f"left out of all detectors: {missing(library, name)}")
    return [name for name in DETECTORS if name not in absent]


def _absent_libraries() -> dict[str, str]:
    """The first library that is missing for a detector, by its name."""
    needed = {name: needed_by(method) for name, method in catalog("detectors").items()}
    absent = {name: [x for x in found if not is_installed(x)] for name, found in needed.items()}
    return {name: libraries[0] for name, libraries in absent.items() if libraries}


def require_writable(folder: Path) -> None:
    """Raise if a folder cannot be written to: before the work, not after it; leave nothing behind.

    The folder may still have to be made.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise typer.BadParameter(
            f"{str(folder)!r} cannot be written to ({error.strerror}); name another folder",
            param_hint="-o",
        ) from None
