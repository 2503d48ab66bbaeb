"""Training of any net on any task; an interrupted training resumes to the same bits."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.locking import held
from netsculpt.core.numbers import shown
from netsculpt.core.random import RNG, root_seed
from netsculpt.files.saved_state import digest, read_state, restoring, write_state
from netsculpt.nets.copies import copy_of
from netsculpt.training.fitting._run import Run
from netsculpt.training.fitting.devices import usable_device
from netsculpt.training.fitting.metrics import Epoch, JsonLines, TensorBoard
from netsculpt.training.fitting.phase_states import PhaseStates
from netsculpt.training.fitting.recipe import Recipe, check_moves
from netsculpt.training.fitting.sparsity import Sparsify
from netsculpt.training.tasks import Task

__all__ = ["Fitted", "fit"]

PathLike = str | os.PathLike[str]

_DEFAULT = Recipe()


@dataclass(frozen=True, eq=False)
class Fitted:
    """A net at its best epoch: highest accuracy, then lowest validation loss."""

    net: nn.Module  # in eval mode, with its masks
    best: Epoch
    history: tuple[Epoch, ...]
    seed: int  # repeats the training


def fit(
    net: nn.Module,
    task: Task,
    recipe: Recipe = _DEFAULT,
    *,
    sparsifier: Sparsify | None = None,
    rng: RNG = None,
    device: str | torch.device = "cpu",
    progress: Callable[[Epoch], None] | None = None,
    log: PathLike | None = None,
    tensorboard: PathLike | None = None,
    checkpoint: PathLike | None = None,
    phase_states: PathLike | None = None,
    start_from: PathLike | None = None,
) -> Fitted:
    """Train a net on a task and keep its best epoch.

    Parameters
    ----------
    net
        Any net from inputs [n, n_inputs] to logits [n, n_outputs]; not changed. Entries that its
        masks prune stay 0.
    task
        Samples to train on; `task.validation` decides which epoch is best.
    recipe
        Optimizer, learning rate, batches, noise, when to stop.
    sparsifier
        Makes the net sparse while it learns: a function of the net that is trained, such as
        ``partial(dynamic.rigl, density=0.02, end=2000, rng=0)``; its steps are batches, less the
        updates of RigL. If the density changes, the best epoch is one of those after the last
        change. What is pruned at the end of an epoch, as by AC/DC after a dense phase, is pruned
        when the epoch is evaluated and saved.
    rng
        Seed or generator for the order of samples, the noise, and layers such as dropout. The
        global generators of NumPy and torch are not touched.
    device
        Where to train: "cpu", "cuda", "cuda:1", …
    progress
        Called after every epoch, once it is saved.
    log
        A file that gets a line of JSON after every epoch.
    tensorboard
        A folder for scalars that TensorBoard shows; it has to be installed.
    checkpoint
        A file for the state after every epoch. If it exists already, the training resumes from it:
        on the same machine, with the same number of threads, to the same bits as without the
        interruption. It stays when all is done.
    phase_states
        A folder for the state at the end of every phase of AC/DC but the last: phase1-dense.pt, …
    start_from
        One of these files, of the same net, task, recipe and seed: the training goes on from there.
        With the last dense one and `netsculpt.training.dynamic.dense_twin`, it is the dense twin of
        the sparse net. A checkpoint that exists comes first.

    Raises
    ------
    FormatError
        If the recipe moves no weight, or the net does not return the logits that the task needs;
        or the checkpoint is of another net, task, recipe or seed, which the text names; or the log
        is of another training; or the sparsifier does not come to its final density; or its phases
        do not end with epochs, and their states are to be saved.
    LimitError
        If the loss is no longer finite, or the device cannot be used.
    BusyError
        If another training has the checkpoint in use.

    Notes
    -----
    Convolutions use cuDNN's deterministic algorithms. On CUDA, LSTMs give the same bits again only
    with ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the environment.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> from netsculpt.training.tasks import task
    >>> net = initial_net(MLP((4, 24, 4)), rng=0)
    >>> recipe = Recipe(epochs=200, batch_size=8, learning_rate=0.02, goal_accuracy=1.0)
    >>> fit(net, task("input-separable"), recipe, rng=0).best.accuracy
    1.0
    """
    check_moves(recipe)
    where = usable_device(str(device))
    path = None if checkpoint is None else Path(checkpoint)
    seed = root_seed(rng)
    with ExitStack() as stack:
        about, state = dict[str, Any](), None
        if any(x is not None for x in (checkpoint, phase_states, start_from)):
            about = _about(net, task, recipe)
        same = about if rng is None else {**about, "seed": seed}
        if path is not None:
            stack.enter_context(held(path))
            state = read_state(path, same)
        source = path
        if state is None and start_from is not None:
            source = Path(start_from)
            state = read_state(source, same)
            if state is None:
                raise FormatError(f"there is no {source} to start from: save it with phase_states")
        run = Run(copy_of(net).to(where), task.to(where), recipe, sparsifier, seed)
        phases = None
        if phase_states is not None:
            phases = PhaseStates(Path(phase_states), run.sparsifier, run.steps_per_epoch)
        if source is not None and state is not None:
            with restoring(source):
                run.restore(state)
                if rng is not None and run.seed != seed:
                    raise FormatError(f"its seed is {shown(run.seed)}, this is {seed}")
        reports: list[Callable[[Epoch], None]] = []
        if log is not None:
            reports.append(JsonLines(Path(log), run.history).add)
        if tensorboard is not None:
            writer = TensorBoard(Path(tensorboard), run.history)
            reports.append(stack.enter_context(closing(writer)).add)
        if progress is not None:
            reports.append(progress)
        while not run.finished:
            epoch = run.advance()
            for file in (None if phases is None else phases.path(), path):
                if file is not None:
                    write_state(file, {**about, "seed": run.seed}, run.state())
            for report in reports:
                report(epoch)
    return Fitted(run.best_net(), run.best, tuple(run.history), run.seed)


def _about(net: nn.Module, task: Task, recipe: Recipe) -> dict[str, Any]:
    """Net, task and recipe, JSON-able: with the seed they decide the whole training."""
    state = net.state_dict()
    return {
        "kind": "training",
        "recipe": dataclasses.asdict(recipe),
        "task": task.about,
        "net": {
            "layers": {
                name: f"{type(layer).__name__}({layer.extra_repr()})"
                for name, layer in net.named_modules()
            },
            "shapes": {name: list(x.shape) for name, x in state.items()},
            "initial state": digest(state),
        },
    }
