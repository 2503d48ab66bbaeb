"""``netsculpt export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.messages import note
from netsculpt.cli.options import Seed, choice, require_writable
from netsculpt.cli.source import Loaded, Source, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.catalog import names
from netsculpt.core.counting import counted
from netsculpt.report.terminal.loudness import loudness

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.graph.partition import Partition

__all__ = ["export"]

_HEAD = 1000  # bytes
_WITH_MODULES = (".gexf", ".graphml", ".json")
_MARKS = (b"netsculpt.json", b"<creator>netsculpt</creator>", b"<!-- written by netsculpt -->")


@takes
def export(
    source: Source,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="File to write: .graphml, .gexf, .npz, .json or .out."),
    ],
    live: Annotated[bool, typer.Option("--live", help="Leave out dead units.")] = False,
    detector: Annotated[
        str | None,
        choice(
            names("detectors"),
            "Write its modules, and colours of them: {}. Without it only .json has modules, those "
            "of layered.",
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Write a model's graph for Gephi, networkx or NumPy; .out is for weight agnostic networks.

    .json is for attribution graphs: the file itself, with the modules that 'analyze' finds as its
    supernodes.

    **Examples**

    `netsculpt export model.pt --detector layered -o model.gexf`

    `netsculpt export weights.pth --mask masks.pkl --live -o model.graphml`

    `netsculpt export weights.pth --model nets.py:resnet20 --example-shape 1,3,32,32 -o net.npz`

    `netsculpt export prompt.json.gz -o prompt-modules.json`
    """
    from netsculpt.graph.exporting import ENDINGS
    from netsculpt.graph.exporting import export as write
    from netsculpt.graph.reading_notes import notes_on_reading
    from netsculpt.graph.shared_weights import note_on_weights

    ending = output.suffix.lower()
    if ending not in ENDINGS:
        raise typer.BadParameter(
            f"{output.name!r} ends in {output.suffix!r}; one of {', '.join(sorted(ENDINGS))} is "
            "needed",
            param_hint="-o",
        )
    if detector is not None and ending not in _WITH_MODULES:
        raise typer.BadParameter(
            f"{ending} holds no modules: write one of {', '.join(_WITH_MODULES)}, or leave it out",
            param_hint="--detector",
        )
    if ending == ".json" and live:
        raise typer.BadParameter(
            ".json holds all nodes of the attribution graph: leave it out", param_hint="--live"
        )
    _require_replaceable(output, source.file)
    require_writable(output.parent)
    loaded = load_source(source)
    graph = loaded.graph.live() if live else loaded.graph
    output.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".json":
        _write_attribution(loaded, output, detector or "layered", seed)
    elif detector is not None:
        write(graph, output, partition=_modules(graph, output, detector, seed))
    else:
        write(graph, output)
    for read in notes_on_reading(graph):
        note(read)
    shared = note_on_weights(graph)
    if shared is not None:
        note(f"{shared} --wann-weights gives it its own")
    if loudness() == "quiet":
        typer.echo(output)
    _say(output, f"{counted(graph.n_units, 'unit')}, {counted(graph.n_edges, 'edge')}")


def _write_attribution(loaded: Loaded, output: Path, detector: str, seed: int) -> None:
    """The attribution graph with its modules as supernodes."""
    from netsculpt.core.writing import replacing
    from netsculpt.graph.attribution import typed
    from netsculpt.graph.attribution.supernodes import supernodes
    from netsculpt.graph.exporting import export as write
    from netsculpt.loading.attribution.rewritten import rewritten

    typed(loaded.graph, ".json")
    partition = _modules(loaded.graph, output, detector, seed)
    listed = supernodes(loaded.graph, partition)
    _say(
        output,
        f"{counted(len(listed), 'supernode')}, of modules with two or more nodes that are not "
        "errors; earlier ones are replaced. Whether they are more than chance says 'netsculpt "
        "analyze'",
    )
    if loaded.file is None or loaded.file.content.kind != "attribution":
        write(loaded.graph, output, partition=partition)
    else:
        texts = rewritten(loaded.file, listed)
        with replacing(output) as file:
            file.writelines(text.encode() for text in texts)


def _modules(graph: NetGraph, output: Path, detector: str, seed: int) -> Partition:
    """The modules that 'analyze' finds with this detector and seed."""
    from netsculpt.pipeline import AnalysisPlan, analyze

    plan = AnalysisPlan(detectors=(detector,), n_nulls=0, n_seeds=0)
    partition = analyze(graph, plan, rng=seed).detected[0].partition
    _say(output, f"{counted(partition.n_modules, 'module')} of {detector}")
    return partition


def _say(output: Path, what: str) -> None:
    """Print what the file holds, on stderr."""
    if loudness() != "quiet":
        typer.echo(f"{output}: {what}", err=True)


def _require_replaceable(output: Path, source: Path) -> None:
    """Raise if somebody else's file, or the one that is read, would be replaced."""
    if not output.exists():
        return
    if output.resolve() == source.resolve():
        raise typer.BadParameter(
            f"{source} would be overwritten: name another file", param_hint="-o"
        )
    if not output.is_file() or not _is_graph(output):
        raise typer.BadParameter(
            f"{str(output)!r} exists and does not say that netsculpt wrote it, so it is not "
            "replaced: name another file, or remove it",
            param_hint="-o",
        )


def _is_graph(path: Path) -> bool:
    """Whether the beginning of a file is that of a graph as this command writes it."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return any(mark in head for mark in _MARKS)
