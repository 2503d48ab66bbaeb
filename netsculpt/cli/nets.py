"""The net that ``prune`` and ``train`` begin with: from a model.pt, or described by a SPEC."""

from __future__ import annotations

import re
import typing
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.options import one_of
from netsculpt.core.catalog import catalog, names
from netsculpt.core.errors import FormatError

if TYPE_CHECKING:
    from netsculpt.nets.families import NetSpec
    from netsculpt.training.tasks import Task

__all__ = ["INITIAL", "Begun", "Initial", "Model", "Spec", "begun_net", "given_task_of", "spec_of"]

_INITIALISATIONS = "initialisations"
_KNOWN = names(_INITIALISATIONS)
INITIAL = "he"
Model = Annotated[
    Path | None,
    typer.Argument(metavar="MODEL", help="A model.pt of netsculpt; or --net in its place."),
]
Spec = Annotated[
    str | None,
    typer.Option(
        "--net",
        metavar="SPEC",
        help="A new net: mlp:64,128,10 · cnn:1x8x8:8,16:32:10 · vgg:3x32x32:64,64/128,128:10 · "
        "resnet:3x32x32:10 (ResNet-20) · lstm:8x8:32:10.",
    ),
]
Initial = Annotated[
    str | None,
    typer.Option(
        "--init",
        callback=lambda name: None if name is None else one_of(_KNOWN)(name),
        help=f"Initial weights of --net: {' | '.join(_KNOWN)}; {INITIAL} if nothing is said.",
    ),
]


@dataclass(frozen=True, eq=False)
class Begun:
    """A net to begin with."""

    spec: NetSpec
    net: Any  # torch.nn.Module
    metadata: dict[str, Any]  # of its file, or how it was made


def begun_net(model: Path | None, text: str | None, initial: str | None, seed: int) -> Begun:
    """The net of a file, or a new one."""
    from netsculpt.core.random import stream
    from netsculpt.files.checkpoint import read_model
    from netsculpt.nets.families import initial_net, net_from_spec
    from netsculpt.nets.masks import net_from_model

    if (model is None) == (text is None):
        count = "both" if model is not None else "neither"
        raise typer.BadParameter(
            f"a MODEL, or --net SPEC in its place, is needed; {count} found", param_hint="MODEL"
        )
    if model is not None:
        if initial is not None:
            raise typer.BadParameter("MODEL has its weights: leave it out", param_hint="--init")
        saved = read_model(model)
        return Begun(net_from_spec(saved.net), net_from_model(saved), dict(saved.metadata))
    assert text is not None
    spec = spec_of(text)
    name = initial or INITIAL
    built = initial_net(spec, rng=seed)
    drawn = catalog(_INITIALISATIONS)[name](built, rng=stream(seed, "initial weights"))
    return Begun(spec, drawn, {"initial": {"weights": name, "seed": seed}})


def given_task_of(name: str, spec: NetSpec) -> Task:
    """The task of that name, which has to fit the net."""
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
    """The spec in a text: a family and its fields in order, separated by colons.

    Fields with a default may be left out at the end. Sizes are separated by commas or ×, stages by
    slashes: ``vgg:3x32x32:64,64/128:10``.
    """
    from netsculpt.nets.families import FAMILIES, net_from_spec

    family, *texts = text.split(":")
    if family not in FAMILIES:
        close = get_close_matches(family, FAMILIES)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(FAMILIES)}"
        raise typer.BadParameter(
            f"{family!r:.40} is not a family of nets; {hint}", param_hint="--net"
        )
    spec_class: Any = FAMILIES[family]
    known, kinds = fields(spec_class), typing.get_type_hints(spec_class)
    needed = [x.name for x in known if x.default is MISSING]
    if not len(needed) <= len(texts) <= len(known):
        form = "".join(f":{x.name}" if x.default is MISSING else f"[:{x.name}]" for x in known)
        raise typer.BadParameter(f"{text!r:.80} is not {family}{form}", param_hint="--net")
    pairs = zip(known, texts, strict=False)
    try:
        values = {field.name: _read(value, kinds[field.name]) for field, value in pairs}
        return net_from_spec({"family": family} | values)
    except (FormatError, ValueError) as error:
        raise typer.BadParameter(f"{text!r:.80}: {error}", param_hint="--net") from None


def _read(text: str, kind: Any) -> Any:
    """The value of a field of that type, from its text."""
    if kind is str:
        return text
    if kind is int:
        if not re.fullmatch("[0-9]{1,9}", text.strip()):
            raise ValueError(f"{text!r:.40} is not a whole number")
        return int(text)
    inner = typing.get_args(kind)[0]
    parts = text.split("/") if typing.get_args(inner) else re.split("[,x×]", text)
    return tuple(_read(part, inner) for part in parts if text.strip())
