"""``netsculpt export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.options import require_writable
from netsculpt.cli.source import Source, load_source
from netsculpt.cli.takes import takes

__all__ = ["export"]


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

    if output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            f"{output.name!r} ends in {output.suffix!r}; one of {', '.join(sorted(ENDINGS))} is "
            "needed",
            param_hint="-o",
        )
    require_writable(output.parent)
    graph = load_source(source).graph
    if live:
        graph = graph.live()
    output.parent.mkdir(parents=True, exist_ok=True)
    write(graph, output)
    typer.echo(f"{output}: {graph.n_units} units, {graph.n_edges} edges", err=True)
