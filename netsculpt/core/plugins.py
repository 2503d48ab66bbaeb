"""Methods that other packages offer by entry points of the groups ``netsculpt.<catalogue>``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from functools import cache, wraps
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from netsculpt.core.errors import NetsculptError

__all__ = ["PluginWarning", "guarded", "loaded", "offers", "providers", "usable"]

_PREFIX = "netsculpt."


class PluginWarning(UserWarning):
    """A method of another package is left out."""


def offers(catalogue: str, taken: Collection[str]) -> dict[str, EntryPoint]:
    """Entry points of a catalogue by name, without those whose name is taken or unusable."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=_PREFIX + catalogue):
        if point.name in taken or point.name in found:
            _leave_out(f"the name {point.name!r} of {_origin(point)} is taken")
        elif not point.name.isidentifier():
            _leave_out(f"{point.name!r} of {_origin(point)} is not a name of a function")
        else:
            found[point.name] = point
    return found


def loaded(point: EntryPoint) -> Any:
    """Import what an entry point names.

    Raises
    ------
    NetsculptError
        If that fails, whatever the error of the other package is.
    """
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise NetsculptError(
            f"{point.name!r} of {_origin(point)} cannot be imported ({type(error).__name__}: "
            f"{error}): update or uninstall that package"
        ) from error


def guarded(point: EntryPoint) -> Callable[..., Any]:
    """The function that an entry point names; its errors name the package that it comes from."""
    function = loaded(point)
    if not callable(function):
        raise NetsculptError(
            f"{point.name!r} of {_origin(point)} is a {type(function).__name__}: a function is "
            f"needed, '{point.module}:{point.name}' in its entry point"
        )

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except NetsculptError:
            raise
        except Exception as error:
            raise NetsculptError(
                f"{point.name!r} of {_origin(point)} failed ({type(error).__name__}: {error}): "
                "report it to that package"
            ) from error

    return call


def usable(points: dict[str, EntryPoint], load: Callable[[EntryPoint], Any]) -> dict[str, Any]:
    """What loads of some entry points; the others are left out with a warning."""
    methods = {}
    for name, point in points.items():
        try:
            methods[name] = load(point)
        except NetsculptError as error:
            _leave_out(str(error))
    return methods


def providers() -> dict[str, str]:
    """Versions of the packages that offer methods, by package."""
    everything = entry_points()
    groups = [group for group in everything.groups if group.startswith(_PREFIX)]
    points = [point for group in groups for point in everything.select(group=group)]
    return {point.dist.name: point.dist.version for point in points if point.dist is not None}


def _origin(point: EntryPoint) -> str:
    package = "" if point.dist is None else f"package {point.dist.name} {point.dist.version}, "
    return f"{package}entry point {point.value} in {point.group}"


@cache
def _leave_out(reason: str) -> None:
    """Warn once."""
    warnings.warn(f"left out: {reason}", PluginWarning, stacklevel=4)
