"""A place is a signature: find every method that stands in it.

A catalogue is a folder, where each file holds the function of its name, or one file, where
``__all__`` lists the functions. A new method is one new file or one new function; a package of
its own adds one by an entry point of the group ``netsculpt.<catalogue>``. Function name = CLI name
= column name.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from netsculpt.core.errors import FormatError
from netsculpt.core.plugins import function_of, module_of, offers, usable

__all__ = ["CATALOGUES", "catalog", "meant", "modules", "named", "names", "near", "not_one_of"]

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
        "sparse_methods": "netsculpt.training.dynamic.methods",
        "drops": "netsculpt.training.dynamic.drops",
        "grows": "netsculpt.training.dynamic.grows",
        "unit_scores": "netsculpt.training.sculpting.unit_scores",
        "edge_scores": "netsculpt.training.sculpting.edge_scores",
        "influence": "netsculpt.training.influence",
    }
)

_ROOT = Path(__file__).parent.parent
_TOGETHER = ("detectors", "data_aware")  # share their names
_PARTS: Final[Mapping[str, Callable[[str], tuple[str, ...]]]] = {  # of a file, by its name
    "formats": lambda _: ("sniff", "read"),
    "rules": lambda name: ("OPS", name),
}
_RESERVED = {"detectors": ("all",), "scores": ("phew",), "allocations": ("global",)}


@cache
def names(catalogue: str) -> tuple[str, ...]:
    """Names of the methods in a catalogue, in alphabetical order; none of them is imported.

    >>> "rewire" in names("nulls")
    True
    """
    return tuple(sorted({*_own(catalogue), *_offered(catalogue)}))


def catalog(catalogue: str) -> dict[str, Callable[..., Any]]:
    """All methods in a catalogue by name; those of other packages that do not load are left out.

    >>> "layered" in catalog("detectors")
    True
    """
    own = {name: _method(catalogue, name) for name in _own(catalogue)}
    return dict(sorted({**own, **usable(_offered(catalogue), function_of)}.items()))


def named(catalogue: str, name: str, *, also: Sequence[str] = ()) -> Callable[..., Any]:
    """The method of that name; no other is imported.

    Raises
    ------
    FormatError
        If there is none; names in `also` are listed as well.
    PluginError
        If it belongs to another package and does not load.
    """
    if name in _own(catalogue):
        return _method(catalogue, name)
    if name not in names(catalogue):
        suggestion = near(name, [*also, *names(catalogue)])
        raise FormatError(f"{name!r} is not in {CATALOGUES[catalogue]}; {suggestion}")
    return function_of(_offered(catalogue)[name])


def near(name: str, known: Collection[str]) -> str:
    """Suggestion for a name that is not known.

    >>> near("magnitud", ["magnitude", "snip"])
    'did you mean magnitude?'
    """
    return meant(name, known) or f"there are {', '.join(known)}"


def meant(name: str, known: Collection[str]) -> str:
    """Which names may be meant by one that is not known; empty if none is like it."""
    close = get_close_matches(name, known)
    return f"did you mean {' or '.join(close)}?" if close else ""


def not_one_of(name: str, known: Collection[str]) -> str:
    """What is wrong with a name that is not known, and which may be meant.

    >>> not_one_of("layerd", ["layered", "mdl"])
    "'layerd' is not one of layered, mdl; did you mean layered?"
    """
    hint = meant(name, known)
    return f"{name!r:.80} is not one of {', '.join(known)}{hint and f'; {hint}'}"


def modules(catalogue: str) -> dict[str, Any]:
    """The files of a catalogue whose methods are whole files, such as formats, by name.

    Those of other packages come last and are left out if they lack a part.

    >>> modules("formats")["safetensors"].__name__
    'netsculpt.loading.formats.safetensors'
    """
    place, parts = CATALOGUES[catalogue], _PARTS[catalogue]
    own = {name: importlib.import_module(f"{place}.{name}") for name in sorted(_own(catalogue))}
    points = dict(sorted(_offered(catalogue).items()))
    return {**own, **usable(points, lambda point: module_of(point, parts(point.name)))}


def _method(catalogue: str, name: str) -> Callable[..., Any]:
    place = CATALOGUES[catalogue]
    file = f"{place}.{name}" if _folder(catalogue).is_dir() else place
    method: Callable[..., Any] = getattr(importlib.import_module(file), name)
    return method


def _folder(catalogue: str) -> Path:
    return _ROOT.joinpath(*CATALOGUES[catalogue].split(".")[1:])


@cache
def _own(catalogue: str) -> frozenset[str]:
    """Names of netsculpt's own methods, read as text."""
    folder = _folder(catalogue)
    if folder.is_dir():
        return frozenset(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))
    for node in ast.parse(folder.with_suffix(".py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    raise AssertionError(f"{folder}.py has no __all__")


@cache
def _offered(catalogue: str) -> dict[str, Any]:
    """Entry points of other packages by name; names that netsculpt has stay its own."""
    others = _TOGETHER if catalogue in _TOGETHER else (catalogue,)
    taken = {name for other in others for name in (*_own(other), *_RESERVED.get(other, ()))}
    if catalogue == "data_aware":
        taken |= _offered("detectors").keys()
    return offers(catalogue, taken)
