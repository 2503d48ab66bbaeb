"""What is wrong with the arguments of a command, in netsculpt's own words."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import typer

from netsculpt.cli.declared import Declared, declared_of
from netsculpt.core.catalog import near

__all__ = ["USAGE_ERROR", "explained_usage", "hinted", "too_many", "unknown_command"]

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # what typer raises about any argument


def explained_usage(error: Any, context: typer.Context) -> typer.BadParameter:
    """The same error, which says what was found, what is needed and what to do.

    What netsculpt's own checks raise stays as it is, and so does what has no words here.
    """
    match type(error).__name__:
        case "NoSuchOption":
            return _unknown_option(error.option_name, context)
        case "MissingParameter":
            return _missing(error, context)
        case "BadOptionUsage":
            return _without_value(error, context)
    declared = _declared(error, context)
    found = _found(error)
    if declared is None or found is None:
        own: typer.BadParameter = error
        return own
    return typer.BadParameter(f"{found!r:.80} is not {declared.needed}", context, error.param)


def hinted(error: typer.BadParameter) -> str:
    """The option or argument that an error is about, and what it says of it."""
    hint = error.param_hint
    if hint is None and error.param is not None:
        hint = _label(error.param)
    names = hint if isinstance(hint, str) or hint is None else " / ".join(hint)
    return f"{names}: {error.message}" if names else error.message


def unknown_command(name: str, known: Sequence[str], context: typer.Context) -> typer.BadParameter:
    """The error of a name that is not one of the commands."""
    return typer.BadParameter(f"there is no command {name!r:.80}; {near(name, known)}", context)


def too_many(arguments: Sequence[str], context: typer.Context) -> typer.BadParameter:
    """The error of arguments that a command has no place for."""
    text = " ".join(map(repr, arguments))
    plural = "s" if len(arguments) > 1 else ""
    return typer.BadParameter(
        f"{text:.200} found after all arguments of {context.command_path!r}: leave the argument"
        f"{plural} out, or put the option before its value",
        context,
    )


def _unknown_option(name: str, context: typer.Context) -> typer.BadParameter:
    known = [flag for each in context.command.get_params(context) for flag in each.opts]
    long = [flag.removeprefix("--") for flag in known if flag.startswith("--")]
    close = [f"--{word}" for word in get_close_matches(name.lstrip("-"), long)]
    hint = f"did you mean {' or '.join(close)}?" if close else ""
    return typer.BadParameter(
        f"there is no option {name!r:.80} of {context.command_path!r}"
        + (f"; {hint}" if hint else f": '{context.command_path} --help' lists them"),
        context,
    )


def _missing(error: Any, context: typer.Context) -> typer.BadParameter:
    declared = _declared(error, context)
    about = declared.info.help if declared is not None else None
    label = f"{_label(error.param)} is missing"
    return typer.BadParameter(f"{label}: {about}" if about else label, context)


def _without_value(error: Any, context: typer.Context) -> typer.BadParameter:
    """Of an option without its value, or of a flag with one."""
    params = [x for x in context.command.get_params(context) if error.option_name in x.opts]
    declared = declared_of(context.command.callback).get(params[0].name or "") if params else None
    if declared is None or declared.kind is bool:
        text = "takes no value: leave it out"
    else:
        text = f"needs a value: {declared.info.help or declared.needed}"
    return typer.BadParameter(f"{error.option_name} {text}", context)


def _declared(error: Any, context: typer.Context) -> Declared | None:
    param = getattr(error, "param", None)
    return None if param is None else declared_of(context.command.callback).get(param.name)


def _found(error: Any) -> Any:
    """The value that typer could not convert; None if the error is about something else."""
    reasons = getattr(error.__cause__, "errors", None)  # of pydantic, which typer converts with
    return None if reasons is None else reasons()[0]["input"]


def _label(param: Any) -> str:
    """The longest flag of an option, or the name of an argument."""
    flags = [flag for flag in param.opts if flag.startswith("-")]
    label: str = max(flags, key=len) if flags else param.metavar or param.name.upper()
    return label
