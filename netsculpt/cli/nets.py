"""Nets that ``prune`` and ``train`` start from, and what they write."""

from __future__ import annotations

import re
import typing
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.options import choice
from netsculpt.core.catalog import named, names, near
from netsculpt.core.errors import FormatError

if TYPE_CHECKING:
    from netsculpt.nets.families import NetSpec
    from netsculpt.training.tasks import Task

__all__ = ["INITIAL", "OWN", "NewNet", "StartNet", "matching_task", "spec_of", "start_net"]

_INITIALISATIONS = "initialisations"
INITIAL = "he"
OWN = "own"  # the weights that the net is built with


@dataclass(frozen=True)
class NewNet:
    """The options that name a net to start from."""

    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="A model.pt of netsculpt; or use --net instead."),
    ] = None
    net: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="A new net: mlp:64,128,10 · cnn:1x8x8:8,16:32:10 · vgg:3x32x32:64,64/128,128:10 · "
            "resnet:3x32x32:10 (ResNet-20) · lstm:8x8:32:10 · sparse_gpt:64:32:128:2:4 (tokens, "
            "positions, width, layers, heads).",
        ),
    ] = None
    init: Annotated[
        str | None,
        choice(
            (*names(_INITIALISATIONS), OWN),
            f"Initial weights of --net: {{}} (as its family draws them); default {INITIAL}.",
        ),
    ] = None


@dataclass(frozen=True, eq=False)
class StartNet:
    """A net to start from: of a model.pt, or described by a text."""

    spec: NetSpec
    net: Any  # torch.nn.Module
    metadata: dict[str, Any]  # of its file, or how it was made

    def write(self, net: Any, path: Path, **about: Any) -> None:
        """Write the net that became of this one as a model.pt; its metadata tell `about` it."""
        from netsculpt.files.model import write_model
        from netsculpt.nets import plain_state

        state, masks = plain_state(net)
        metadata = {**self.metadata, **about}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_model(path, net=self.spec.spec, state=state, masks=masks, metadata=metadata)


def start_net(new: NewNet, seed: int) -> StartNet:
    """The net of a file, or a new one."""
    from netsculpt.core.random import stream
    from netsculpt.files.model import read_model
    from netsculpt.nets.families import initial_net, net_from_spec
    from netsculpt.nets.masks import net_from_model

    if new.model is not None and new.net is None:
        if new.init is not None:
            raise typer.BadParameter("MODEL has its weights: leave it out", param_hint="--init")
        model = read_model(new.model)
        return StartNet(net_from_spec(model.net), net_from_model(model), dict(model.metadata))
    if new.model is not None or new.net is None:
        raise typer.BadParameter(
            "either MODEL or --net SPEC is needed; "
            f"{'neither' if new.net is None else 'both'} found",
            param_hint="MODEL",
        )
    spec = spec_of(new.net)
    name = new.init or INITIAL
    net = initial_net(spec, rng=seed)
    if name != OWN:
        net = named(_INITIALISATIONS, name)(net, rng=stream(seed, "initial weights"))
    return StartNet(spec, net, {"initial": {"weights": name, "seed": seed}})


def matching_task(name: str, spec: NetSpec) -> Task:
    """The task of that name; raises if it does not match the net."""
    from netsculpt.training.tasks import parse_task

    task = parse_task(name, rng=0)
    if (task.n_inputs, task.n_outputs) != (spec.n_inputs, spec.n_outputs):
        raise typer.BadParameter(
            f"{name} has {task.n_inputs} inputs and {task.n_outputs} outputs, the net has "
            f"{spec.n_inputs} and {spec.n_outputs}: they must be equal",
            param_hint="--task",
        )
    return task


def spec_of(text: str) -> NetSpec:
    """The spec written as a family and its fields in order, separated by colons.

    Commas or × separate sizes, slashes separate stages: ``vgg:3x32x32:64,64/128:10``. Fields with
    a default may be left out at the end.
    """
    from netsculpt.nets.families import FAMILIES, net_from_spec

    family, *values = text.split(":")
    if family not in FAMILIES:
        raise typer.BadParameter(
            f"there is no family {family!r:.40} of nets; {near(family, FAMILIES)}",
            param_hint="--net",
        )
    spec: Any = FAMILIES[family]
    parameters, kinds = fields(spec), typing.get_type_hints(spec)
    n_needed = sum(x.default is MISSING for x in parameters)
    if not n_needed <= len(values) <= len(parameters):
        form = "".join(f":{x.name}" if x.default is MISSING else f"[:{x.name}]" for x in parameters)
        raise typer.BadParameter(f"{text!r:.80} is not {family}{form}", param_hint="--net")
    pairs = zip(parameters, values, strict=False)
    try:
        return net_from_spec(
            {"family": family} | {x.name: _read(value, kinds[x.name]) for x, value in pairs}
        )
    except (FormatError, ValueError) as error:
        raise typer.BadParameter(f"{text!r:.80}: {error}", param_hint="--net") from None


def _read(text: str, kind: Any) -> Any:
    """The value of a field of type `kind`."""
    if kind is str:
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{text!r:.40} is neither true nor false")
        return text == "true"
    if kind is float:
        return float(text)
    if type(None) in typing.get_args(kind):
        return None if text in ("", "none") else _read(text, typing.get_args(kind)[0])
    if kind is int:
        if not re.fullmatch("[0-9]{1,18}", text.strip()):
            raise ValueError(f"{text!r:.40} is not a whole number")
        return int(text)
    inner = typing.get_args(kind)[0]
    parts = text.split("/") if typing.get_args(inner) else re.split("[,x×]", text)
    return tuple(_read(part, inner) for part in parts if text.strip())
