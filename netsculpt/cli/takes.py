"""Options that travel together: a command takes a dataclass, typer sees its fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

__all__ = ["takes"]


def takes(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each dataclass among the parameters of a command by one parameter per field."""
    parameters: list[Parameter] = []
    hints = get_type_hints(command, include_extras=True)
    bundles: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    for name, parameter in signature(command).parameters.items():
        if name not in bundles:
            parameters.append(_keyword(name, parameter.default, hints[name]))
            continue
        field_hints = get_type_hints(bundles[name], include_extras=True)
        for field in fields(bundles[name]):
            default = Parameter.empty if field.default is MISSING else field.default
            parameters.append(_keyword(field.name, default, field_hints[field.name]))

    @wraps(command)
    def taking(**values: Any) -> None:
        for name, bundle in bundles.items():
            values[name] = bundle(
                **{field.name: values.pop(field.name) for field in fields(bundle)}
            )
        command(**values)

    taking.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    taking.__annotations__ = {x.name: x.annotation for x in parameters}
    return taking


def _keyword(name: str, default: Any, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
