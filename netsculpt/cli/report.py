"""``netsculpt report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.options import require_writable

__all__ = ["report"]

_PAGE = (".html", ".htm")


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder that 'analyze', 'demo', 'track' or, of groups, 'compare' wrote.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write instead of FOLDER/report.html."),
    ] = None,
) -> None:
    """Make the page report.html of a finished folder again.

    The page is one file that any browser opens without a network: the network to look into, tables,
    figures and definitions; of several models their table, of a track a slider through its steps.
    Of a folder without a page, the error says what it is, and which command makes a page of it.

    **Examples**

    `netsculpt report out`

    `netsculpt report out -o for-my-colleague.html`
    """
    from netsculpt.report.html.writing import rewrite_page
    from netsculpt.report.terminal.analysis import print_page

    if output is not None:
        if output.suffix.lower() not in _PAGE:
            raise typer.BadParameter(
                f"{output.name!r} ends in {output.suffix!r}: .html is needed", param_hint="-o"
            )
        require_writable(output.parent)
        output.parent.mkdir(parents=True, exist_ok=True)
    print_page(rewrite_page(folder, output))
