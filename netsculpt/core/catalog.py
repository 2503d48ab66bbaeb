"""A place is a signature: find every method that stands in it.

A catalogue is a folder, where each file holds the function of its name, or one file, where
``__all__`` lists the functions. A new method is one new file or one new function; a package of
its own adds one by an entry point of the group ``netsculpt.<catalogue>``. Function name = CLI name
= column name.
"""

from __future__ import annotations

import ast
import importlib
import warnings
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from netsculpt.core.errors import FormatError

__all__ = ["CATALOGUES", "catalog", "modules", "named", "names", "near"]

CATALOGUES: Final = MappingProxyType(
    {
        "metrics": "netsculpt.paths.per_unit",
        "detectors": "netsculpt.modules.detectors",
        "data_aware": "netsculpt.modules.data_aware",
        "nulls": "netsculpt.nulls.models",
        "formats": "netsculpt.loading.formats",
        "rules": "netsculpt.tracing.rules",
        "initialisations": "netsculpt.nets.initialisations",
        "scores": "netsculpt.training.pruning.scores",
        "allocations": "netsculpt.training.pruning.allocations",
        "schedules": "netsculpt.training.pruning.schedules",
        "scopes": "netsculpt.training.pruning.scopes",
        "unit_scores": "netsculpt.training.sculpting.unit_scores",
        "edge_scores": "netsculpt.training.sculpting.edge_scores",
        "influence": "netsculpt.training.influence",
    }
)

_ROOT = Path(__file__).parent.parent


@cache
def names(catalogue: str) -> tuple[str, ...]:
    """Names of the methods in a catalogue, in order of the alphabet; none of them is imported.

    >>> names("nulls")
    ('rewire', 'shuffle_layer', 'shuffle_weights')
    """
    return tuple(sorted({*_own(catalogue), *_offered(catalogue)}))


def catalog(catalogue: str) -> MappingProxyType[str, Callable[..., Any]]:
    """The methods in a catalogue by their names.

    >>> list(catalog("detectors"))
    ['layered', 'leiden', 'path_signature', 'sculpting', 'spectral']
    """
    place, own, offered = CATALOGUES[catalogue], _own(catalogue), _offered(catalogue)
    folder = _folder(catalogue).is_dir()
    return MappingProxyType(
        {
            name: getattr(importlib.import_module(f"{place}.{name}" if folder else place), name)
            if name in own
            else offered[name].load()
            for name in names(catalogue)
        }
    )


def named(catalogue: str, name: str, *, also: Sequence[str] = ()) -> Callable[..., Any]:
    """The method of that name.

    Raises
    ------
    FormatError
        If there is none; names in `also` are listed as well.
    """
    known = catalog(catalogue)
    if name not in known:
        raise FormatError(
            f"{name!r} is not in {CATALOGUES[catalogue]}; {near(name, [*also, *known])}"
        )
    return known[name]


def near(name: str, known: Collection[str]) -> str:
    """What to say of a name that is not known.

    >>> near("magnitud", ["magnitude", "snip"])
    'did you mean magnitude?'
    """
    close = get_close_matches(name, known)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"


def modules(catalogue: str) -> MappingProxyType[str, Any]:
    """The files of a catalogue whose methods are whole modules, such as formats, by their names.

    >>> modules("formats")["safetensors"].__name__
    'netsculpt.loading.formats.safetensors'
    """
    place, own, offered = CATALOGUES[catalogue], _own(catalogue), _offered(catalogue)
    return MappingProxyType(
        {
            name: importlib.import_module(f"{place}.{name}")
            if name in own
            else offered[name].load()
            for name in names(catalogue)
        }
    )


def _folder(catalogue: str) -> Path:
    return _ROOT.joinpath(*CATALOGUES[catalogue].split(".")[1:])


@cache
def _own(catalogue: str) -> frozenset[str]:
    """Names of the methods that netsculpt itself has, read as text."""
    folder = _folder(catalogue)
    if folder.is_dir():
        return frozenset(x.stem for x in folder.glob("*.py") if not x.stem.startswith("_"))
    for node in ast.parse(folder.with_suffix(".py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    raise AssertionError(f"{folder}.py has no __all__")


@cache
def _offered(catalogue: str) -> dict[str, Any]:
    """Entry points of other packages, by name; what netsculpt has already stays as it is."""
    from importlib.metadata import entry_points

    offered = {}
    for point in entry_points(group=f"netsculpt.{catalogue}"):
        if point.name in _own(catalogue) or point.name in offered:
            warnings.warn(
                f"{point.value} is offered as {point.name!r} in netsculpt.{catalogue}, a name that "
                "is taken: it is left out; the package that offers it has to rename it",
                stacklevel=2,
            )
        else:
            offered[point.name] = point
    return offered
