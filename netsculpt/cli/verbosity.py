"""``--quiet`` and ``--verbose``, which every command has."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from inspect import Parameter, Signature, signature
from time import perf_counter, process_time
from typing import Annotated, Any, get_type_hints

import typer

from netsculpt.cli.messages import note
from netsculpt.core.errors import NetsculptWarning
from netsculpt.report.terminal.loudness import Loudness, at_loudness, loudness

__all__ = ["Quiet", "Verbose", "chosen_loudness", "detail", "with_loudness"]

_LIBRARIES = ("numpy", "scipy", "numba", "torch")  # that the numbers of a result may depend on

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print only errors, and the path of what was written."),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Also say, on stderr: versions, what is read and how, how long each step takes.",
    ),
]
_OPTIONS = {"quiet": Quiet, "verbose": Verbose}


def with_loudness(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options --quiet and --verbose."""
    hints = get_type_hints(command, include_extras=True)
    own = signature(command).parameters.values()
    kind = Parameter.KEYWORD_ONLY
    parameters = [each.replace(kind=kind, annotation=hints[each.name]) for each in own]
    parameters += [
        Parameter(name, kind, default=False, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        quiet, verbose = (values.pop(name) for name in _OPTIONS)
        begun = perf_counter(), process_time()
        with at_loudness(chosen_loudness(quiet, verbose)), warnings.catch_warnings():
            if loudness() == "quiet":
                warnings.simplefilter("ignore", NetsculptWarning)
            detail(", ".join(f"{name} {number}" for name, number in _versions().items()))
            command(**values)
            detail(
                f"done in {perf_counter() - begun[0]:.1f} s, {process_time() - begun[1]:.1f} s of "
                "the processor"
            )

    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def chosen_loudness(quiet: bool, verbose: bool) -> Loudness:
    """What the options ask for; without any, what it is already."""
    if quiet and verbose:
        raise typer.BadParameter(
            "one of --quiet and --verbose is needed, both found: leave one of them out",
            param_hint="--quiet",
        )
    return "quiet" if quiet else "verbose" if verbose else loudness()


def detail(text: str) -> None:
    """Print one line on stderr, if asked to be verbose."""
    if loudness() == "verbose":
        note(text)


def _versions() -> Mapping[str, str]:
    """Versions by name, without importing any of it."""
    versions = {"netsculpt": "netsculpt", **{name: name for name in _LIBRARIES}}
    found = {"Python": platform.python_version()}
    for name, package in versions.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found
