"""What the signature of a command declares of its options and arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from typer.models import ParameterInfo

__all__ = ["Declared", "declared_of"]

_KINDS = {int: "a whole number", float: "a number", Path: "a path"}
_HUGE = 1_000_000  # nobody asks for more
_METAVARS = {int: "N", float: "NUMBER", Path: "PATH", str: "TEXT"}


@dataclass(frozen=True)
class Declared:
    """One option or argument."""

    kind: Any  # int, float, str, bool, Path; of a list, the kind of each
    is_list: bool
    default: Any  # None if it has none
    info: ParameterInfo

    @property
    def metavar(self) -> str:
        """What stands for its value in a help; empty for a flag."""
        return self.info.metavar or _METAVARS.get(self.kind, "")

    @property
    def needed(self) -> str:
        """Which values are allowed, as in "a whole number of at least 0"."""
        return f"{_KINDS.get(self.kind, 'a text')}{self._range(' of')}"

    @property
    def allowed(self) -> str:
        """The range that is allowed, as in "at least 0"; empty if it has none worth naming."""
        if self.info.max is not None and self.info.max >= _HUGE:
            return f"at least {_number(self.info.min or 0)}"
        return self._range("").strip()

    def _range(self, of: str) -> str:
        least, most = self.info.min, self.info.max
        if least is None:
            return ""
        if most is None:
            return f"{of} at least {_number(least)}"
        return f" from {_number(least)} to {_number(most)}"

    @property
    def shown_default(self) -> str:
        """The default for a help; empty if there is none worth naming."""
        shown = self.info.show_default
        if isinstance(shown, str):
            return shown
        if self.default is None or self.default is False or self.default == "":
            return ""
        return _number(self.default) if isinstance(self.default, float) else str(self.default)


def declared_of(command: Callable[..., Any] | None) -> Mapping[str, Declared]:
    """The options and arguments of the function behind a command, by the names of its parameters.

    >>> import typer
    >>> def command(n: Annotated[int, typer.Option(min=1)] = 3) -> None: ...
    >>> found = declared_of(command)["n"]
    >>> found.needed, found.shown_default
    ('a whole number of at least 1', '3')
    """
    if command is None:
        return {}
    parameters = signature(command, eval_str=True).parameters
    found = {name: _declared(parameter) for name, parameter in parameters.items()}
    return {name: each for name, each in found.items() if each is not None}


def _declared(parameter: Parameter) -> Declared | None:
    if get_origin(parameter.annotation) is not Annotated:
        return None
    kind, *more = get_args(parameter.annotation)
    infos = [info for info in more if isinstance(info, ParameterInfo)]
    if not infos:
        return None
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    is_list = get_origin(kind) in (list, tuple)
    if is_list:
        kind = get_args(kind)[0]
    default = None if parameter.default is Parameter.empty else parameter.default
    return Declared(kind, is_list, default, infos[0])


def _number(value: float) -> str:
    """A number in full: 1e9 as 1,000,000,000.

    >>> _number(10**9), _number(1e-09), _number(0.5)
    ('1,000,000,000', '1e-09', '0.5')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
