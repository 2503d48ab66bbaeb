"""Work that can be interrupted, and continued with ``--resume``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from netsculpt.cli.messages import complain
from netsculpt.core.progress import Progress
from netsculpt.report.terminal.progress import shown_progress

__all__ = ["companion", "refuse_restart", "require_model_output", "resumable"]

_MODEL = ".pt"
_LONGEST = 200  # bytes of a file name; 255 are allowed


def companion(output: Path, ending: str) -> Path:
    """The file of that ending next to a model: of this model only, whatever dots its name has.

    >>> companion(Path("trained.pt"), ".training.pt"), companion(Path("d0.05"), ".training.pt")
    (PosixPath('trained.training.pt'), PosixPath('d0.05.training.pt'))
    """
    _require_file(output)
    return output.with_name(output.name.removesuffix(_MODEL) + ending)


def _require_file(output: Path) -> None:
    if len(os.fsencode(output.name)) > _LONGEST:
        raise typer.BadParameter(
            f"the name {output.name!r:.40}… has {len(os.fsencode(output.name))} bytes: "
            f"{_LONGEST} are the most, since files next to it have longer ones",
            param_hint="-o",
        )
    if output.is_dir():
        raise typer.BadParameter(
            f"{str(output)!r} is a folder: name a file, such as {str(output / 'model.pt')!r}",
            param_hint="-o",
        )


def require_model_output(output: Path, maker: str, model: Path | None, *others: Path) -> None:
    """Raise unless a model can be written to `output`, replacing at most one of the same `maker`.

    `maker` is what the metadata of its models hold, `model` the one that the command reads,
    `others` are what it writes next to `output`.
    """
    written = [path.resolve() for path in (output, *others)]
    if model is not None and model.resolve() in written:
        raise typer.BadParameter(
            f"{model} would be overwritten: name another file", param_hint="-o"
        )
    if len(set(written)) < len(written):
        raise typer.BadParameter(f"{str(output)!r} is also a file next to it", param_hint="-o")
    if output.exists() and not _is_model_of(output, maker):
        raise typer.BadParameter(
            f"{str(output)!r} exists and is not a model of this command, so it is not replaced: "
            "name another file, or remove it",
            param_hint="-o",
        )


def _is_model_of(path: Path, maker: str) -> bool:
    from netsculpt.core.errors import NetsculptError
    from netsculpt.files.model import read_model

    try:
        return maker in read_model(path).metadata
    except NetsculptError:
        return False


def refuse_restart(saved: Path, resume: bool) -> None:
    """Raise if there is work to continue, but the command would start again."""
    if saved.exists() and not resume:
        raise typer.BadParameter(
            f"{str(saved)!r} is from an earlier run: continue it with --resume, or write "
            "somewhere else",
            param_hint="-o",
        )


@contextmanager
def resumable(how: str = "repeat the command with --resume") -> Iterator[Progress]:
    """Progress on stderr during the work; after Ctrl-C say how to continue."""
    try:
        with shown_progress() as progress:
            yield progress
    except KeyboardInterrupt:
        complain(f"to continue, {how}")
        raise
