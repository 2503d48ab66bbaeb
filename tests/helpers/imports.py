"""Which file of a package imports which: what the floors test asks of a tree, real or planted."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx as nx

Imports = Mapping[str, frozenset[str]]  # a module and those that it imports, inside functions too


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package in `root`, by its dotted name."""
    named = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def imports(root: Path) -> dict[str, frozenset[str]]:
    """What each module imports of its own package; a lazy door counts by its stub."""
    known = modules(root)
    return {
        name: frozenset(x for x in _named(name, path, known) if x != name)
        for name, path in known.items()
    }


def _named(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    package = name.partition(".")[0]
    stub = path.with_suffix(".pyi")
    for file in (path, stub) if stub.exists() else (path,):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (x.name for x in node.names if x.name.partition(".")[0] == package)
            elif isinstance(node, ast.ImportFrom):
                module = ".".join(filter(None, [name if node.level else "", node.module]))
                if module.partition(".")[0] == package:
                    inner = (f"{module}.{x.name}" for x in node.names)
                    yield from (x if x in known else module for x in inner)


def room(name: str) -> str:
    """The folder or file at the top of the package that a module belongs to."""
    return name.split(".")[1] if "." in name else ""


def upward(given: Imports, order: list[tuple[str, ...]]) -> set[tuple[str, str]]:
    """Imports of a room that does not stand before one's own, as (from, to)."""
    floor = {name: at for at, names in enumerate(order) for name in names}
    return {
        (one, other)
        for one, others in given.items()
        for other in others
        if room(one) and room(other) and room(one) != room(other)
        if floor[room(other)] >= floor[room(one)]
    }


def circles(given: Imports) -> list[set[str]]:
    """Modules that import each other, directly or around a circle."""
    return _circles((one, other) for one, others in given.items() for other in others)


def folder_circles(given: Imports) -> list[set[str]]:
    """Files and folders that stand side by side in one folder and import each other.

    A folder imports what any file in it does, so a circle of folders shows even where no files
    form one. What a folder's door (``__init__``) takes from inside is not counted.
    """
    found = []
    pieces = (one.split(".") for one in given)
    folders = {".".join(x[:at]) for x in pieces for at in range(1, len(x))}
    for folder in sorted(folders):
        inside = f"{folder}."
        pairs = (
            (one.removeprefix(inside).split(".")[0], other.removeprefix(inside).split(".")[0])
            for one, others in given.items()
            for other in others
            if one.startswith(inside) and other.startswith(inside)
        )
        found += [{inside + x for x in circle} for circle in _circles(pairs)]
    return found


def intrusions(given: Imports) -> set[tuple[str, str]]:
    """Imports of a private file or folder from outside the folder that it stands in."""
    return {
        (one, other)
        for one, others in given.items()
        for other in others
        for at, part in enumerate(other.split("."))
        if part.startswith("_") and not part.startswith("__")
        if not _may_see(one.split("."), other.split("."), at)
    }


def _may_see(one: list[str], other: list[str], at: int) -> bool:
    """Whether a file stands in the folder of part `at`, or inside of the private folder itself."""
    return one[:-1] == other[:at] or one == other[:at] or one[: at + 1] == other[: at + 1]


def _circles(pairs: Iterator[tuple[str, str]]) -> list[set[str]]:
    graph = nx.DiGraph((one, other) for one, other in pairs if one != other)
    return [x for x in nx.strongly_connected_components(graph) if len(x) > 1]
