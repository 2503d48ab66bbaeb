"""Influence of the units of a stored model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.files.model import Model, read_model
from netsculpt.nets.families import MLP, net_from_spec
from netsculpt.training.influence.answer_flips import answer_flips
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task
from netsculpt.training.tasks.presets import is_task_name

__all__ = ["measured_influence", "replica_of_model", "task_name_of"]


def measured_influence(model: Model | Path | str, task: Task) -> NDArray[np.float64]:
    """Influence [U, O] of the units of a ``model.pt`` on its outputs, by `answer_flips`.

    Parameters
    ----------
    model
        A multi-layer perceptron that netsculpt wrote, or its file; units are numbered as by
        `netsculpt.load`.
    task
        The task that it was trained on.

    Raises
    ------
    FormatError
        If the file is not such a model, or the task does not fit it.
    """
    read = model if isinstance(model, Model) else read_model(model)
    influence: NDArray[np.float64] = answer_flips(replica_of_model(read), task)[0]
    return influence


def task_name_of(model: Model | Path | str) -> str | None:
    """Name of the task that a perceptron's ``model.pt`` was last trained on; None: not said.

    Only names of netsculpt's tasks count, not paths: no file decides which other files are read.
    """
    try:
        read = model if isinstance(model, Model) else read_model(model)
    except FormatError:
        return None
    if read.net.get("family") != MLP.family:
        return None
    # A net that was sculpted and then trained further keeps the plan of its sculpting.
    about = read.metadata.get("training", read.metadata.get("plan"))
    name = about.get("task") if isinstance(about, dict) else None
    is_task = isinstance(name, str) and is_task_name(name) and not Path(name).exists()
    return name if is_task else None


def replica_of_model(model: Model) -> Replicas:
    """Stack of one replica: the net of a ``model.pt``, pruned by its masks.

    Raises
    ------
    FormatError
        If it is not a multi-layer perceptron, or a parameter is missing or of another shape.

    Examples
    --------
    >>> from netsculpt.training.sculpting.replicas import initial_replicas
    >>> state, masks = initial_replicas(MLP((2, 3, 1)), [0]).state(0)
    >>> replica_of_model(Model(MLP((2, 3, 1)).spec, state, masks, {})).n_kept().tolist()
    [9]
    """
    spec = net_from_spec(model.net)
    if not isinstance(spec, MLP):
        raise FormatError(
            f"the net is of family {model.net['family']!r}, influence is measured in multi-layer "
            "perceptrons: give a model of family 'mlp'"
        )
    n_stored = sum(x.numel() for x in model.state.values())
    if spec.n_weights > n_stored:  # before a net of that size is built
        raise FormatError(
            f"the net of the model has {spec.n_weights} weights, the file has {n_stored} numbers: "
            "write it with the state dict of the net that it names"
        )
    net = spec.build()
    parameters, masks = {}, {}
    for name, like in net.named_parameters():
        values = model.state.get(name)
        if values is None or values.shape != like.shape:
            shape = "missing" if values is None else list(values.shape)
            raise FormatError(
                f"{name!r} of the model is {shape}, its net needs {list(like.shape)}: write it "
                "with the state dict of the net that it names"
            )
        kept = model.masks.get(name, torch.ones(like.shape, dtype=torch.bool))
        parameters[name], masks[name] = (values * kept)[None], kept[None]
    return Replicas(spec, net, parameters, masks)
