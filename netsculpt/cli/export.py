"""``netsculpt export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.messages import complain
from netsculpt.cli.options import require_writable
from netsculpt.cli.source import Source, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.counting import counted

__all__ = ["export"]

_HEAD = 1000  # bytes
_MARKS = (b"netsculpt.json", b"<creator>netsculpt</creator>", b"<!-- written by netsculpt -->")


@takes
def export(
    source: Source,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write: .graphml, .gexf, .npz or .out.")
    ],
    live: Annotated[bool, typer.Option("--live", help="Leave out dead units.")] = False,
) -> None:
    """Write a model's graph for Gephi, networkx or NumPy; .out is for weight agnostic networks.

    **Examples**

    `netsculpt export model.pt -o model.gexf`

    `netsculpt export weights.pth --mask masks.pkl --live -o model.graphml`

    `netsculpt export weights.pth --model nets.py:resnet20 --example-shape 1,3,32,32 -o net.npz`
    """
    from netsculpt.graph.exporting import ENDINGS
    from netsculpt.graph.exporting import export as write
    from netsculpt.graph.shared_weights import note_on_weights

    if output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            f"{output.name!r} ends in {output.suffix!r}; one of {', '.join(sorted(ENDINGS))} is "
            "needed",
            param_hint="-o",
        )
    _require_replaceable(output, source.file)
    require_writable(output.parent)
    graph = load_source(source).graph
    if live:
        graph = graph.live()
    output.parent.mkdir(parents=True, exist_ok=True)
    write(graph, output)
    note = note_on_weights(graph)
    if note is not None:
        complain(f"{note} --wann-weights gives it its own")
    typer.echo(
        f"{output}: {counted(graph.n_units, 'unit')}, {counted(graph.n_edges, 'edge')}", err=True
    )


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
            f"{str(output)!r} exists and is not a graph that netsculpt wrote, so it is not "
            "replaced: name another file, or remove it",
            param_hint="-o",
        )


def _is_graph(path: Path) -> bool:
    """Whether the beginning of a file is that of a graph as this command writes it."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return any(mark in head for mark in _MARKS)
