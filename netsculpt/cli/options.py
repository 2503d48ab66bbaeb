"""Options that several commands take, and what is checked of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from netsculpt.core.catalog import names

__all__ = [
    "DATA_AWARE",
    "DETECTORS",
    "EIGHT_GIB",
    "FORMATS",
    "NULLS",
    "AllowNonfinite",
    "Detector",
    "EdgeNorm",
    "ExampleDtype",
    "ExampleShape",
    "FigureWidth",
    "Figures",
    "Granularity",
    "Jobs",
    "Mask",
    "MaxBytes",
    "MaxEdges",
    "Net",
    "NoFoldNorms",
    "Null",
    "Nulls",
    "Seed",
    "Seeds",
    "Unroll",
    "Weights",
    "Width",
    "chosen_detectors",
    "chosen_formats",
    "finite",
    "jobs_option",
    "one_of",
    "require_writable",
]

DETECTORS = names("detectors")
DATA_AWARE = names("data_aware")
NULLS = names("nulls")
FORMATS = ("pdf", "png", "svg")
EIGHT_GIB = 8 << 30


class Width(StrEnum):
    """Where a figure will be printed."""

    NEURIPS = "neurips"
    ICML = "icml"
    NATURE = "nature"
    NATURE_DOUBLE = "nature-double"


class Norm(StrEnum):
    """How several scalars make one weight."""

    L1 = "l1"
    L2 = "l2"
    SUM = "sum"


class Units(StrEnum):
    """What a unit of a convolution is."""

    CHANNEL = "channel"
    SPATIAL = "spatial"


def one_of(known: list[str]) -> Callable[[str], str]:
    """A check that an option is one of the names of a catalogue."""

    def check(name: str) -> str:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}")
        return name

    return check


def finite(value: float) -> float:
    """A check that an option is no infinity."""
    if value == float("inf"):
        raise typer.BadParameter("a finite number is needed")
    return value


def some_jobs(jobs: int) -> int:
    """A check that somebody does the work."""
    if jobs == 0:
        raise typer.BadParameter("0 jobs do nothing; 1 or more, or -1 for one a core")
    return jobs


def jobs_option(told: str) -> Any:
    """The option --jobs, with what the workers share."""
    return typer.Option("--jobs", "-j", callback=some_jobs, help=told)


Weights = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Checkpoint, state dict, safetensors, .pt2, ONNX, or a graph .npz."
    ),
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
_TRACED = "Nets that are no chain of layers"
Net = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODULE:NAME",
        help="pkg.module:factory or path/to/file.py:factory, called without arguments: makes the "
        "net that the weights are of. It is imported and its code is run.",
        rich_help_panel=_TRACED,
    ),
]
ExampleShape = Annotated[
    list[str] | None,
    typer.Option(
        "--example-shape",
        metavar="SIZES",
        help="Shape of its input, batch first: 1,3,32,32; once for each input.",
        rich_help_panel=_TRACED,
    ),
]
ExampleDtype = Annotated[
    list[str] | None,
    typer.Option(
        "--example-dtype",
        metavar="TYPE",
        help="Type of its input: float32 (if nothing is said), int64 for tokens, …",
        rich_help_panel=_TRACED,
    ),
]
EdgeNorm = Annotated[
    Norm | None,
    typer.Option(
        "--edge-norm",
        help="What an edge weighs behind which several scalars lie; l1 if nothing is said.",
        rich_help_panel=_TRACED,
    ),
]
Granularity = Annotated[
    Units | None,
    typer.Option(
        "--granularity",
        help="Units of convolutions: channels (if nothing is said), or every position of each.",
        rich_help_panel=_TRACED,
    ),
]
Unroll = Annotated[
    int | None,
    typer.Option(
        "--unroll",
        min=1,
        help="Steps of a recurrent layer; 1 if nothing is said.",
        rich_help_panel=_TRACED,
    ),
]
NoFoldNorms = Annotated[
    bool,
    typer.Option(
        "--no-fold-norms",
        help="Leave the factors of batch norm and the like out of the edges.",
        rich_help_panel=_TRACED,
    ),
]
MaxEdges = Annotated[
    int | None,
    typer.Option(
        "--max-edges", min=1, help="Refuse graphs with more edges.", rich_help_panel=_TRACED
    ),
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
    typer.Option("--null", callback=one_of(NULLS), help=f"Null model: {' | '.join(NULLS)}."),
]
Seeds = Annotated[int, typer.Option("--stability-seeds", min=0, help="Runs for the stability.")]
Jobs = Annotated[int, jobs_option("Null networks and seeds worked on at a time; -1 = one a core.")]
Figures = Annotated[
    str, typer.Option("--figures", help="Formats, with commas: pdf,png,svg; 'none' draws none.")
]
FigureWidth = Annotated[Width, typer.Option("--width", help="Column that figures are made for.")]


def chosen_detectors(text: str) -> list[str]:
    """Names of detectors, of which "all" stands for every one."""
    known = [*DETECTORS, *DATA_AWARE]
    wanted = known if text == "all" else [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(known)}, all", param_hint="--detector"
            )
    return list(dict.fromkeys(wanted))


def chosen_formats(text: str) -> list[str]:
    """Endings of figures, none for "none"."""
    if text == "none":
        return []
    wanted = [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in FORMATS:
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(FORMATS)}, none", param_hint="--figures"
            )
    return list(dict.fromkeys(wanted))


def require_writable(folder: Path) -> None:
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
