"""The net that ``--model`` names: what is asked, the net, its graph."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import typer

from netsculpt.cli.importing import attribute, imported, is_file
from netsculpt.cli.messages import complain
from netsculpt.core.provenance import Step, step

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.tracing import Fidelity
    from netsculpt.tracing.net_and_example import NetAndExample

__all__ = ["Asked", "LiveNet", "asked_net", "live_net"]

_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")


@dataclass(frozen=True)
class Asked:
    """A net by name, and how it is to be traced."""

    model: str  # "pkg.module:factory" or "path/to/file.py:factory"
    shapes: tuple[tuple[int, ...], ...]  # of the example's tensors, batch first
    dtypes: tuple[str, ...]  # of each
    options: Mapping[str, Any]  # of `netsculpt.trace`

    @property
    def arguments(self) -> dict[str, Any]:
        """As it was asked, JSON-able."""
        shapes = [list(shape) for shape in self.shapes]
        return {"model": self.model, "example_shape": shapes, "example_dtype": list(self.dtypes)}


@dataclass(frozen=True, eq=False)
class LiveNet:
    """The net itself."""

    asked: Asked
    given: NetAndExample

    def graph(self, loaded: Step) -> NetGraph:
        """Its graph; `loaded` says where its weights are from."""
        from netsculpt.tracing import trace

        with redirect_stdout(sys.stderr):  # what the net prints is no part of the report
            graph = trace(self.given.net, self.given.example, **self.asked.options)
        named = step("model", **self.asked.arguments)
        return replace(graph, provenance=(named, loaded, *graph.provenance))

    def fidelity(self, graph: NetGraph) -> Fidelity:
        """How truly its graph stands for it."""
        from netsculpt.tracing import fidelity

        with redirect_stdout(sys.stderr):
            return fidelity(self.given.net, graph, self.given.example)


def asked_net(
    model: str | None, shapes: Sequence[str] | None, dtypes: Sequence[str] | None, **options: Any
) -> Asked | None:
    """What the options ask for, None without ``--model``; options that are None are not given."""
    given = {
        name: value.value if isinstance(value, Enum) else value
        for name, value in options.items()
        if value is not None
    }
    if model is None:
        alone = ["example_shape"] * bool(shapes) + ["example_dtype"] * bool(dtypes) + [*given]
        if alone:
            raise typer.BadParameter(
                "this is for a net named by --model pkg.module:factory, which is missing",
                param_hint=_option(alone[0]),
            )
        return None
    _parts(model)
    if not shapes:
        raise typer.BadParameter(
            "the shape of the net's input is needed, batch first, such as 1,3,32,32; once for each "
            "input",
            param_hint="--example-shape",
        )
    return Asked(model, tuple(map(_shape, shapes)), _dtypes(dtypes, len(shapes)), given)


def live_net(asked: Asked) -> LiveNet:
    """Import what is named and make the net; says so first."""
    from netsculpt.tracing.net_and_example import NetAndExample, net_from, zeros_example

    where, name = _parts(asked.model)
    complain(f"imports {where} and runs its code")
    with redirect_stdout(sys.stderr):
        net = net_from(attribute(imported(where), where, name), asked.model)
    return LiveNet(asked, NetAndExample(net, zeros_example(asked.shapes, asked.dtypes)))


def _option(name: str) -> str:
    return "--no-fold-norms" if name == "fold_norms" else f"--{name.replace('_', '-')}"


def _parts(model: str) -> tuple[str, str]:
    """The module or file, and the name in it."""
    where, _, name = model.rpartition(":")
    dotted = is_file(where) or all(part.isidentifier() for part in where.split("."))
    if not where or not dotted or not all(part.isidentifier() for part in name.split(".")):
        raise typer.BadParameter(
            f"{model!r} names no net: pkg.module:factory or path/to/file.py:factory is needed",
            param_hint="--model",
        )
    return where, name


def _shape(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    sizes = tuple(int(part) for part in parts if part.isdecimal())
    if len(sizes) < max(len(parts), 2) or 0 in sizes:
        raise typer.BadParameter(
            f"{text!r} is no shape such as 1,3,32,32: batch first, then at least one size, all "
            "above 0",
            param_hint="--example-shape",
        )
    return sizes


def _dtypes(given: Sequence[str] | None, n_inputs: int) -> tuple[str, ...]:
    """One for each input; one alone is for all."""
    names = tuple(given or ("float32",))
    for name in names:
        if name not in _DTYPES:
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(_DTYPES)}", param_hint="--example-dtype"
            )
    if len(names) not in (1, n_inputs):
        raise typer.BadParameter(
            f"{len(names)} types for {n_inputs} inputs: one for all, or one for each of them",
            param_hint="--example-dtype",
        )
    return names * n_inputs if len(names) == 1 else names
