"""``netsculpt export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.options import EIGHT_GIB, AllowNonfinite, Mask, MaxBytes, Model, require_writable
from netsculpt.cli.running import load_graph

__all__ = ["export"]


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
    require_writable(output.parent)
    graph = load_graph(model, mask, max_bytes, allow_nonfinite)
    kept = graph.live() if live else graph
    output.parent.mkdir(parents=True, exist_ok=True)
    write(kept, output)
    typer.echo(f"{output}: {kept.n_units} units, {kept.n_edges} edges", err=True)
