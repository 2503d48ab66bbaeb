"""The command line. Only light imports at the top: ``netsculpt --help`` opens at once."""

from __future__ import annotations

import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from netsculpt.catalog import names
from netsculpt.errors import NetsculptError, TopologyError

if TYPE_CHECKING:
    from netsculpt.graph import NetGraph
    from netsculpt.pipeline import Analysis

__all__ = ["main"]

EXIT_CODES = (
    "Exit codes: 0 ok · 1 a bug in netsculpt · 2 usage · 3 unreadable or unsupported file · "
    "4 refused as unsafe · 5 topology needed · 6 limit exceeded · 130 interrupted."
)
DETECTORS = names("netsculpt.modules.detectors")
NULLS = names("netsculpt.nulls")
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
    str, typer.Option("--detector", help=f"{' | '.join(DETECTORS)} | all; several with commas.")
]
Nulls = Annotated[int, typer.Option("--nulls", min=0, help="Null networks for z and p; 0 = none.")]
Null = Annotated[str, typer.Option("--null", help=f"Null model: {' | '.join(NULLS)}.")]
Seeds = Annotated[int, typer.Option("--stability-seeds", min=0, help="Runs for the stability.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", help="Processes for nulls and seeds; -1 = one a core.")
]
Figures = Annotated[
    str, typer.Option("--figures", help="Formats, with commas: pdf,png,svg; 'none' draws none.")
]
FigureWidth = Annotated[Width, typer.Option("--width", help="Column that figures are made for.")]
EIGHT_GIB = 8 << 30
INTERRUPTED = 130


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

    `netsculpt demo` makes a network with known modules and analyses it.

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
    if null not in NULLS:
        raise typer.BadParameter(f"{null!r} is not one of {', '.join(NULLS)}", param_hint="--null")
    formats = _formats(figures)
    if output is not None:
        _writable(output)
    graph = _load(model, mask, max_bytes, allow_nonfinite)
    _refuse_dense(graph, model, dense)
    arguments = {
        "model": str(model),
        "mask": None if mask is None else str(mask),
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
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the model and its analysis.")
    ] = Path("netsculpt-demo"),
    seed: Seed = 0,
    figures: Figures = "pdf,png",
    width: FigureWidth = Width.NEURIPS,
) -> None:
    """Make a network whose modules are known, and analyse it.

    A Boolean circuit is compiled to a sparse network, saved as model.pt, and read back like any
    other model. The modules found are compared with the functions of the circuit.

    **Example**

    `netsculpt demo -o demo`
    """
    from netsculpt.report.demo import compare_with_truth, make_model

    formats = _formats(figures)
    _writable(output)
    model = output / "model.pt"
    output.mkdir(parents=True, exist_ok=True)
    truth = make_model(model)
    graph = _load(model, None, EIGHT_GIB, allow_nonfinite=False)
    arguments = {
        "model": str(model),
        "mask": None,
        "seed": seed,
        "detectors": DETECTORS,
        "null": "rewire",
        "nulls": 100,
        "stability_seeds": 20,
        "figures": formats,
        "width": width.value,
    }
    found = _run(graph, arguments, output)
    compare_with_truth(found, truth)


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


def _detectors(text: str) -> list[str]:
    wanted = DETECTORS if text == "all" else [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in DETECTORS:
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(DETECTORS)}, all", param_hint="--detector"
            )
    return list(dict.fromkeys(wanted))


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
