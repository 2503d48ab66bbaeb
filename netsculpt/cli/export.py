"""``netsculpt export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.models import asked_net, live_net
from netsculpt.cli.options import (
    EIGHT_GIB,
    AllowNonfinite,
    EdgeNorm,
    ExampleDtype,
    ExampleShape,
    Granularity,
    Mask,
    MaxBytes,
    MaxEdges,
    Net,
    NoFoldNorms,
    Unroll,
    Weights,
    require_writable,
)
from netsculpt.cli.running import load_graph

__all__ = ["export"]


def export(
    weights: Weights,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write: .graphml, .gexf or .npz.")
    ],
    mask: Mask = None,
    live: Annotated[bool, typer.Option("--live", help="Leave out dead units.")] = False,
    max_bytes: MaxBytes = EIGHT_GIB,
    allow_nonfinite: AllowNonfinite = False,
    net: Net = None,
    example_shape: ExampleShape = None,
    example_dtype: ExampleDtype = None,
    edge_norm: EdgeNorm = None,
    granularity: Granularity = None,
    unroll: Unroll = None,
    no_fold_norms: NoFoldNorms = False,
    max_edges: MaxEdges = None,
) -> None:
    """Write a model's graph for Gephi, networkx or NumPy.

    **Examples**

    `netsculpt export model.pt -o model.gexf`

    `netsculpt export weights.pth --mask masks.pkl --live -o model.graphml`

    `netsculpt export weights.pth --model nets.py:resnet20 --example-shape 1,3,32,32 -o net.npz`
    """
    from netsculpt.graph.exporting import ENDINGS
    from netsculpt.graph.exporting import export as write

    if output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            f"{output.name!r} ends in {output.suffix!r}; {', '.join(sorted(ENDINGS))} are written",
            param_hint="-o",
        )
    require_writable(output.parent)
    asked = asked_net(
        net,
        example_shape,
        example_dtype,
        edge_norm=edge_norm,
        granularity=granularity,
        unroll=unroll,
        fold_norms=False if no_fold_norms else None,
        max_edges=max_edges,
    )
    named = None if asked is None else live_net(asked)
    graph = load_graph(weights, mask, max_bytes, allow_nonfinite, named)
    kept = graph.live() if live else graph
    output.parent.mkdir(parents=True, exist_ok=True)
    write(kept, output)
    typer.echo(f"{output}: {kept.n_units} units, {kept.n_edges} edges", err=True)
