"""What a command reads: hashes for its manifest, and refusals that name the option."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from netsculpt.core.errors import FormatError, TopologyError, UnsafeFileError

__all__ = ["hashes", "of_file", "refused_as"]


def hashes(models: Iterable[Path | None], tasks: Collection[str] = ()) -> list[str]:
    """The "sha256:…" of each file: models, of which some may be None, then those of tasks."""
    from netsculpt.files.source import Source
    from netsculpt.training.tasks.parsing import task_files

    files = [path for path in models if path is not None]
    files += [path for text in tasks for path in task_files(text)]
    return [Source.open(path, sys.maxsize).sha256() for path in files]


@contextmanager
def of_file(path: Path) -> Iterator[None]:
    """Errors about a file name all of its path: of many files, some have the same name."""
    try:
        yield
    except (FormatError, TopologyError, UnsafeFileError) as error:
        if str(path) == path.name:
            raise
        raise type(error)(f"{path}: {error}") from error


@contextmanager
def refused_as(option: str) -> Iterator[None]:
    """What does not fit in the block is a wrong value of an option: usage, not a broken file."""
    try:
        yield
    except FormatError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
