"""The model files that several paths, folders and patterns name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from netsculpt.core.errors import FormatError
from netsculpt.core.folders import MANIFEST
from netsculpt.files.source import Source
from netsculpt.files.words import quoted

__all__ = ["ModelFile", "is_several", "model_files", "naturally", "require_readable"]

_ENDINGS = (".pt", ".pth", ".pth.tar", ".ckpt", ".safetensors", ".pt2", ".onnx", ".npz", ".out")
_STATE = ".training.pt"  # what 'train' resumes from
_GRAPH = "graph.npz"  # that 'analyze' wrote, next to a manifest
_LONGEST = 80  # characters of a name


@dataclass(frozen=True)
class ModelFile:
    """A file, and what it is called in tables and folders: unique among those given together."""

    path: Path
    name: str


def is_several(path: Path) -> bool:
    """Whether a path names a folder, or files by a pattern."""
    return path.is_dir() or (has_magic(str(path)) and not path.exists())


def model_files(paths: Iterable[Path]) -> tuple[ModelFile, ...]:
    """The files in the order given, each once; those of a folder in the order of their names.

    A folder stands for the model files in it and in its folders, without those that 'analyze' wrote
    and the states that 'train' resumes from.

    Raises
    ------
    FormatError
        If a folder or a pattern names no model file.
    """
    files = list(dict.fromkeys(file for path in paths for file in _files(path)))
    names = _names(files)
    return tuple(ModelFile(*pair) for pair in zip(files, names, strict=True))


def require_readable(files: Iterable[ModelFile]) -> None:
    """Raise `FormatError` if one of the files cannot be opened: before the first is worked on."""
    for file in files:
        Source.open(file.path, sys.maxsize)


def naturally(path: Path) -> list[tuple[int, int | str]]:
    """Key that sorts paths by the numbers in them, so that step 10 comes after step 9.

    >>> sorted([Path("net10.pt"), Path("net9.pt")], key=naturally)[0].name
    'net9.pt'
    """
    parts = re.split("([0-9]+)", path.as_posix())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def _files(path: Path) -> Iterator[Path]:
    if not is_several(path):
        yield path
        return
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file() and _is_model(file)]
        kind = "no model file in the folder"
    else:
        fitting = glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute one
        found = [Path(name) for name in fitting if Path(name).is_file()]
        kind = "no file fits the pattern"
    if not found:
        raise FormatError(
            f"{kind} {quoted(path)}: files ending in {', '.join(_ENDINGS)} are looked for; name "
            "others one by one"
        )
    yield from sorted(found, key=naturally)


def _is_model(file: Path) -> bool:
    if file.name.startswith(".") or file.name.endswith(_STATE):
        return False
    written = file.name == _GRAPH and file.with_name(MANIFEST).is_file()
    return file.name.lower().endswith(_ENDINGS) and not written


def _names(files: Sequence[Path]) -> list[str]:
    """The paths as names of folders, whatever other files there are: of each one from here on."""
    parts = [_from_here(file).with_suffix("").parts for file in files]
    joined = ["-".join(part for part in each if part.strip("/.")) for each in parts]
    names = [re.sub(r"[^\w.-]", "_", name)[-_LONGEST:].lstrip(".-") or "_" for name in joined]
    unique: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate.casefold() in map(str.casefold, unique):
            number += 1
            candidate = f"{name}-{number}"
        unique.append(candidate)
    return unique


def _from_here(file: Path) -> Path:
    """The path from the current folder on, if it is in it."""
    path, here = file.absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
