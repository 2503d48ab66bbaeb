"""What units of a stored model carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.files.checkpoint import Model, read_model
from netsculpt.nets.families import MLP, net_from_spec
from netsculpt.training.influence.answer_flips import answer_flips
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task
from netsculpt.training.tasks.presets import is_task_name

__all__ = ["measured_influence", "stacked", "task_of"]


def measured_influence(path: Path | str, task: Task) -> NDArray[np.float64]:
    """Influence [U, O] of the units of a ``model.pt`` on its outputs, by `answer_flips`.

    Parameters
    ----------
    path
        A multi-layer perceptron that netsculpt wrote. Units are those of `netsculpt.load`.
    task
        What it was trained on.

    Raises
    ------
    FormatError
        If the file is no such model, or the task does not fit it.
    """
    every = answer_flips(stacked(read_model(path)), task)
    only: NDArray[np.float64] = every[0]
    return only


def task_of(path: Path | str) -> str | None:
    """The name of the task that a ``model.pt`` says it was sculpted for; None if it names none.

    Only names that netsculpt knows count: which files are read is for the user to say, never for
    a file.
    """
    try:
        plan = read_model(path).metadata.get("plan")
    except FormatError:
        return None
    said = plan.get("task") if isinstance(plan, dict) else None
    named = isinstance(said, str) and is_task_name(said) and not Path(said).exists()
    return said if named else None


def stacked(model: Model) -> Replicas:
    """Make one replica of what a ``model.pt`` holds, pruned as its masks say.

    Raises
    ------
    FormatError
        If it is no multi-layer perceptron, or a parameter is missing or of another shape.

    Examples
    --------
    >>> from netsculpt.training.sculpting.replicas import initial
    >>> state, masks = initial(MLP((2, 3, 1)), [0]).state(0)
    >>> stacked(Model(MLP((2, 3, 1)).spec, state, masks, {})).n_kept().tolist()
    [9]
    """
    spec = net_from_spec(model.net)
    if not isinstance(spec, MLP):
        raise FormatError(
            f"the net is of family {model.net['family']!r}: what units carry can be measured in "
            "multi-layer perceptrons; give a model of family 'mlp'"
        )
    n_held = sum(x.numel() for x in model.state.values())
    if spec.n_weights > n_held:  # before a net of that size is made
        raise FormatError(
            f"the net of the model has {spec.n_weights} weights, {n_held} numbers are in the file: "
            "write it with the state dict of the net that it names"
        )
    net = spec.build()
    parameters, masks = {}, {}
    for name, like in net.named_parameters():
        found = model.state.get(name)
        if found is None or found.shape != like.shape:
            shape = "missing" if found is None else list(found.shape)
            raise FormatError(
                f"{name!r} of the model is {shape}, its net needs {list(like.shape)}: write it "
                "with the state dict of the net that it names"
            )
        kept = model.masks.get(name, torch.ones(like.shape, dtype=torch.bool))
        parameters[name], masks[name] = (found * kept)[None], kept[None]
    return Replicas(spec, net, parameters, masks)
