"""Methods that other packages offer by entry points of the groups ``netsculpt.<catalogue>``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from functools import cache, wraps
from importlib.metadata import EntryPoint, entry_points
from types import SimpleNamespace
from typing import Any

from netsculpt.core.errors import NetsculptError, NetsculptWarning, PluginError, first_line

__all__ = [
    "PluginWarning",
    "function_of",
    "leave_out",
    "module_of",
    "offers",
    "providers",
    "usable",
]

_PREFIX = "netsculpt."


class PluginWarning(NetsculptWarning):
    """A method of another package is left out."""


def offers(catalogue: str, taken: Collection[str]) -> dict[str, EntryPoint]:
    """Entry points of a catalogue by name, without those whose name is taken or unusable."""
    points: dict[str, EntryPoint] = {}
    for point in _installed():
        if point.group != _PREFIX + catalogue:
            continue
        if point.name in taken or point.name in points:
            leave_out(f"the name {point.name!r} of {_origin(point)} is taken")
        elif not point.name.isidentifier():
            leave_out(f"{point.name!r} of {_origin(point)} is not a name of a function")
        else:
            points[point.name] = point
    return points


def function_of(point: EntryPoint) -> Callable[..., Any]:
    """The function that an entry point names; its errors name the package that it comes from.

    Raises
    ------
    PluginError
        If it cannot be imported or is not a function.
    """
    function = _imported(point)
    if not callable(function):
        raise PluginError(
            f"{point.name!r} of {_origin(point)} is a {type(function).__name__}: a function is "
            f"needed, '{point.module}:{point.name}' in its entry point"
        )
    return _attributed(point, function)


def module_of(point: EntryPoint, parts: Collection[str]) -> SimpleNamespace:
    """These parts of a file that an entry point names; errors of its functions name the package.

    Raises
    ------
    PluginError
        If it cannot be imported or lacks a part.
    """
    module = _imported(point)
    missing = [part for part in parts if not hasattr(module, part)]
    if missing:
        raise PluginError(
            f"{point.name!r} of {_origin(point)} lacks {', '.join(missing)}: a file with "
            f"{', '.join(parts)} is needed"
        )
    values = {part: getattr(module, part) for part in parts}
    return SimpleNamespace(
        **{part: _attributed(point, x) if callable(x) else x for part, x in values.items()}
    )


def usable(points: Mapping[str, EntryPoint], load: Callable[[EntryPoint], Any]) -> dict[str, Any]:
    """What loads of some entry points; the others are left out with a warning."""
    methods = {}
    for name, point in points.items():
        try:
            methods[name] = load(point)
        except PluginError as error:
            leave_out(str(error))
    return methods


def providers() -> dict[str, str]:
    """Versions of the packages that offer methods, by package."""
    packages = [point.dist for point in _installed() if point.dist is not None]
    return {package.name: package.version for package in packages}


@cache
def leave_out(reason: str) -> None:
    """Warn once that something of another package is left out."""
    warnings.warn(f"left out: {reason}", PluginWarning, stacklevel=4)


@cache
def _installed() -> tuple[EntryPoint, ...]:
    """All methods that this environment offers: finding them reads a file per package."""
    found = entry_points()
    groups = [group for group in found.groups if group.startswith(_PREFIX)]
    return tuple(point for group in groups for point in found.select(group=group))


def _imported(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{point.name!r} of {_origin(point)} cannot be imported ({first_line(error)}): update "
            "or uninstall that package"
        ) from error


def _attributed(point: EntryPoint, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; errors that are not netsculpt's own name its package."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except NetsculptError:
            raise
        except Exception as error:
            raise PluginError(
                f"{point.name!r} of {_origin(point)} failed ({first_line(error)}): report it to "
                "that package"
            ) from error

    return call


def _origin(point: EntryPoint) -> str:
    package = "" if point.dist is None else f"package {point.dist.name} {point.dist.version}, "
    return f"{package}entry point {point.value} in {point.group}"
