"""Nets that ``prune`` and ``train`` start from, and what they write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.options import choice
from netsculpt.cli.tasks import NETS
from netsculpt.cli.verbosity import detail
from netsculpt.core.catalog import named, names
from netsculpt.core.counting import counted
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
            help=f"A new net: {NETS}",
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
        detail(f"{new.model}: the net {dict(model.net)}, {counted(len(model.masks), 'mask')}")
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
    """The spec that `netsculpt.nets.written.spec_from_text` reads in an option ``--net``."""
    from netsculpt.nets.written import spec_from_text

    try:
        return spec_from_text(text)
    except FormatError as error:
        raise typer.BadParameter(str(error), param_hint="--net") from None
