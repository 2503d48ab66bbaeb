"""Training of any net on any task; an interrupted training resumes to the same bits."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.locking import held
from netsculpt.core.numbers import checked_whole, shown
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.files.saved_state import digest, read_state, restoring, write_state
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masking import layer_parameters
from netsculpt.nets.weight_counts import weight_counts
from netsculpt.training.fitting.devices import usable_device
from netsculpt.training.fitting.evaluating import evaluated
from netsculpt.training.fitting.metrics import Epoch, JsonLines, TensorBoard
from netsculpt.training.fitting.phase_states import PhaseStates
from netsculpt.training.fitting.progress import check_history, check_moments, check_parameters
from netsculpt.training.fitting.recipe import (
    Recipe,
    check_moves,
    clip_gradients,
    learning_rate,
    optimizer_of,
)
from netsculpt.training.fitting.sparsity import SparseSteps, Sparsify
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
        run = _Run(copy_of(net).to(where), task.to(where), recipe, sparsifier, seed)
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
    return run.result()


class _Run:
    """A training between two epochs."""

    def __init__(
        self, net: nn.Module, task: Task, recipe: Recipe, sparsify: Sparsify | None, seed: int
    ) -> None:
        self.net, self.task, self.recipe, self.seed = net, task, recipe, seed
        _check_logits(net, task)
        self.steps_per_epoch = -(-task.n_samples // recipe.batch_size)
        self.sparsifier = None if sparsify is None else sparsify(net)
        moving = {} if self.sparsifier is None else self.sparsifier.masks
        _check_length(self.sparsifier, recipe.epochs * self.steps_per_epoch)
        self.optimizer = optimizer_of(recipe, net)
        masked = [entry for entry in layer_parameters(net) if entry.mask is not None]
        self.masked = [entry for entry in masked if entry.name not in moving]
        self.moving = [entry for entry in masked if entry.name in moving]
        self.density = sum(weight_counts(net).kept) / max(sum(weight_counts(net).total), 1)
        self.best_state: dict[str, Tensor] = {}
        self.history: list[Epoch] = []

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or the goal is reached."""
        goal, last = self.recipe.goal_accuracy, self.history[-1:]
        reached = goal is not None and any(x.accuracy >= goal for x in self._eligible(last))
        return len(self.history) >= self.recipe.epochs or reached

    @property
    def best(self) -> Epoch:
        """The first of the best epochs, among those after the last change of the density."""
        eligible = self._eligible(self.history)
        return max(eligible, key=lambda epoch: (epoch.accuracy, -epoch.validation_loss))

    def _eligible(self, epochs: list[Epoch]) -> list[Epoch]:
        """Those after which the net was as sparse as it is to stay."""
        if self.sparsifier is None or self.sparsifier.final_density is None:
            return epochs
        final, steps = self.sparsifier.final_density, self.sparsifier.steps_to_final_density
        return [x for x in epochs if x.density == final and x.epoch * self.steps_per_epoch > steps]

    def advance(self) -> Epoch:
        """Train for one epoch."""
        index = len(self.history)
        layers = int(stream(self.seed, "fit", "layers", index).integers(2**63))
        with _seeded_layers(self.task.inputs.device, layers), _deterministic():
            loss, right, rate = self._learn(index)
            accuracy, validation_loss = evaluated(self.net, self.task.validation)
        density = self.density if self.sparsifier is None else self.sparsifier.density
        updates = 0 if self.sparsifier is None else self.sparsifier.n_updates
        epoch = Epoch(index + 1, loss, validation_loss, accuracy, rate, density, right, updates)
        if not (math.isfinite(loss) and math.isfinite(validation_loss)):
            raise LimitError(
                f"the loss is {loss} in training and {validation_loss} in validation after epoch "
                f"{epoch.epoch}: lower the learning rate ({rate}), warm it up, or look for extreme "
                "values in the inputs"
            )
        self.history.append(epoch)
        if self._eligible([epoch]) and self.best is epoch:
            self.best_state = {name: x.clone() for name, x in self.net.state_dict().items()}
        return epoch

    def state(self) -> dict[str, Any]:
        """All that later epochs depend on.

        The learning rate follows from the step, and the random numbers of an epoch are drawn from
        streams that the seed and the epoch name.
        """
        return {
            "seed": self.seed,
            "state": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_state": self.best_state,
            "sparsifier": None if self.sparsifier is None else self.sparsifier.state_dict(),
            "history": [dataclasses.asdict(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from the result of `state`; raises if it cannot be one of this training."""
        history = [Epoch(**epoch) for epoch in state["history"]]
        eligible = self._eligible(history)
        check_history(history, self.recipe, self.steps_per_epoch, eligible)
        if (state["sparsifier"] is None) != (self.sparsifier is None):
            given = "none is" if self.sparsifier is None else "one is"
            raise FormatError(
                f"it is of a training that is made sparse otherwise: here {given} given"
            )
        fresh, moving = self.net.state_dict(), [x.name for x in self.moving]
        fixed = [(x.name, x.mask) for x in self.masked]
        check_parameters(state["state"], fresh, fixed, moving)
        if state["best_state"]:
            check_parameters(state["best_state"], fresh, fixed, moving)
        self.seed = checked_whole(state["seed"], "its seed", least=0)
        moments, groups = state["optimizer"]["state"], state["optimizer"]["param_groups"]
        own = self.optimizer.state_dict()["param_groups"]
        if [_settings(group) for group in groups] != [_settings(group) for group in own]:
            raise FormatError("its optimizer has other settings than the recipe")
        check_moments(moments, self.net, self.optimizer, state["state"])
        self.net.load_state_dict(state["state"])
        self.optimizer.load_state_dict(state["optimizer"])
        device = self.task.inputs.device
        self.best_state = {name: x.to(device) for name, x in state["best_state"].items()}
        self.history = history
        if self.sparsifier is not None:
            self.sparsifier.load_state_dict(state["sparsifier"])
        updates = 0 if self.sparsifier is None else self.sparsifier.n_updates
        if history[-1].updates != updates:
            raise FormatError("its history and its sparse training do not fit each other")
        if bool(eligible) != bool(self.best_state):
            raise FormatError("its best epoch and its history do not fit each other")

    def result(self) -> Fitted:
        """The net at its best epoch, with the history."""
        if not self.best_state:
            raise FormatError(
                f"the net did not come to its final density in {len(self.history)} epochs: end the "
                "updates earlier, or train for more epochs"
            )
        self.net.load_state_dict(self.best_state)
        return Fitted(self.net.eval(), self.best, tuple(self.history), self.seed)

    def _learn(self, index: int) -> tuple[float, float, float]:
        """Train for one epoch; return the mean loss, the accuracy, and the last learning rate."""
        task, recipe, net = self.task, self.recipe, self.net.train()
        shuffled = stream(self.seed, "fit", "order", index).permutation(task.n_samples)
        order = torch.from_numpy(shuffled).to(task.inputs.device)
        noise = stream(self.seed, "fit", "noise", index)
        batches = torch.split(order, recipe.batch_size)
        losses, right, rate = list[Tensor](), list[Tensor](), 0.0
        for step, rows in enumerate(batches, start=index * len(batches)):
            if self.sparsifier is not None:
                self.sparsifier.update(self.optimizer)  # due since the last step
            inputs = task.inputs[rows]
            if recipe.noise:
                numbers = torch.from_numpy(noise.standard_normal(inputs.shape, dtype="float32"))
                inputs = inputs + recipe.noise * numbers.to(inputs.device)
            rate = learning_rate(recipe, step, len(batches))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad()
            logits = net(inputs)
            loss = task.goal.loss(logits, task.targets[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            for entry in self.masked:  # without gradients and moments, zeros stay 0
                entry.mask_gradient()
            clip_gradients(recipe, net)
            if self.sparsifier is None:
                self.optimizer.step()
            else:
                self.sparsifier.advance(self.optimizer)
            losses.append(loss.detach() * len(rows))  # read later: reading waits for the GPU
            right.append(task.goal.correct(logits.detach(), task.targets[rows]).flatten())
        mean = float(torch.stack(losses).double().sum()) / task.n_samples
        return mean, float(torch.cat(right).double().mean()), rate


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    """A group of parameters and what a recipe decides about it; each step sets its own rate."""
    return {key: value for key, value in group.items() if key != "lr"}


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


def _check_length(sparsifier: SparseSteps | None, n_steps: int) -> None:
    if sparsifier is not None and sparsifier.steps_to_final_density >= n_steps:
        raise FormatError(
            f"the net comes to its final density after {sparsifier.steps_to_final_density} steps, "
            f"the training has {n_steps}: end the updates earlier, or train for more epochs"
        )


def _check_logits(net: nn.Module, task: Task) -> None:
    net.eval()
    with torch.no_grad():
        shape = list(net(task.inputs[:2]).shape)
    needed = [len(task.inputs[:2]), task.n_outputs]
    if shape != needed:
        raise FormatError(
            f"the net returns {shape} for inputs {list(task.inputs[:2].shape)}, task {task.name!r} "
            f"needs {needed}: give the net {task.n_outputs} outputs"
        )


@contextmanager
def _seeded_layers(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the generators of layers, and restore them afterwards."""
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def _deterministic() -> Iterator[None]:
    """Make cuDNN use algorithms that give the same bits every time."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before
