"""The command line of scripts that draw one figure from results."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from matplotlib.figure import Figure

from netsculpt.plots.style import Width, paper, write_figure

__all__ = ["write"]


def write(
    script: str,
    about: str,
    draw: Callable[..., Figure],
    *,
    named_by: str | None = None,
    **options: Mapping[str, Any],
) -> None:
    """Write ``draw(results, width, …)`` to PDF and PNG files named after the script.

    Options are arguments of `argparse`'s ``add_argument``, by name; their values go to `draw` in
    this order, and that of `named_by` into the file name.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("figures"))
    parser.add_argument("--width", choices=get_args(Width), default="neurips")
    for name, keywords in options.items():
        parser.add_argument(f"--{name}", **keywords)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    stem = Path(script).stem + (f"_{getattr(given, named_by)}" if named_by else "")
    with paper(given.width):
        page = draw(given.results, given.width, *(getattr(given, name) for name in options))
        for kind in ("pdf", "png"):
            write_figure(page, given.out / f"{stem}.{kind}")
