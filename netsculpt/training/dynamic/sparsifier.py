"""Sparse training of any net on anybody's loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError, LimitError, NetsculptWarning
from netsculpt.core.numbers import checked_fraction
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.masking import LayerParameter, hook_masks
from netsculpt.nets.masks import mask_net
from netsculpt.training.dynamic import births, processes
from netsculpt.training.dynamic.ages import Ages, count_of, group_of, has_ages
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.learning import check_held, check_not_frozen
from netsculpt.training.dynamic.moving import exchange, resize
from netsculpt.training.dynamic.places import places, put
from netsculpt.training.dynamic.rewiring import Rewiring, Timing, described
from netsculpt.training.dynamic.scaling import is_finite, take_step, unscaled
from netsculpt.training.dynamic.single_nets import joined, row_of
from netsculpt.training.dynamic.starting import (
    Allocation,
    allocation_of,
    random_masks,
    trained_weights,
)
from netsculpt.training.dynamic.states import fresh, moments
from netsculpt.training.dynamic.storage import Storage
from netsculpt.training.dynamic.update import Update

__all__ = ["Sparsifier"]

Masks = dict[str, Tensor]


class Sparsifier:
    """Keeps a net sparse while it is trained, and moves its connections.

    Made by the methods of `netsculpt.training.dynamic.methods`, or from a `Rewiring` of your own.
    In a training loop, ``sparsifier.step(optimizer)`` takes the place of ``optimizer.step()``.

    Parameters
    ----------
    net
        Any net, also compiled or wrapped in DistributedDataParallel; its masks are changed in
        place (`netsculpt.nets.masks`).
    rewiring, timing
        What an update does, and when.
    density
        Fraction of the weights to keep, exactly round(density × weights); random ones at first.
        None: the masks that the net has.
    allocation
        How the density is shared among layers: one of `netsculpt.training.pruning.allocations`.
    dense
        Names of weights to leave alone; they are not counted. Nor are biases, norms and weights
        that do not learn.
    rng
        Seed or generator. Same seed, same masks, on every process of a distributed training.
    method
        Its name.
    stem
        Name and timing of another training that is the same except for its last update: states of
        that one, from before that update, are states of this one.
    seeds
        Of the nets of a stack (`netsculpt.nets.Stack`), one each: weights are [R, …], and each net
        is rewired alone. See `netsculpt.training.dynamic.replicated`.
    """

    def __init__(
        self,
        net: nn.Module,
        rewiring: Rewiring,
        timing: Timing,
        *,
        density: float | None,
        allocation: str | Allocation = "erk",
        dense: Collection[str] = (),
        rng: RNG = None,
        method: str = "own",
        stem: tuple[str, Timing] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> None:
        self.method, self.rewiring, self.timing = method, rewiring, timing
        checked_fraction(rewiring.fraction(0.0), "fraction")
        if rewiring.budget is not None:
            for progress in (0.0, 1.0):
                checked_fraction(rewiring.budget(progress), "density")
        self.seed = processes.agreed(root_seed(rng))
        if rewiring.budget is not None and timing.last < (0 if timing.instead else 1):
            raise FormatError(
                f"no update brings the net to its density: they come every {timing.every} steps "
                f"from {timing.begin} to {timing.end}; let them come more often, or end later"
            )
        self.seeds = None if seeds is None else tuple(seeds)
        self._net = inner = processes.unwrapped(net)
        self._entries = trained_weights(inner, dense)
        self._allocation, self._dense, self._stem = allocation, tuple(sorted(dense)), stem
        self._density = None if density is None else float(density)  # as it was asked for
        self.n_steps, self.n_updates, self._last_update = 0, 0, -1
        masks = self._first_masks(density)
        self._storage = Storage(rewiring.stored, self._entries) if rewiring.stored else None
        if self._storage is not None:
            self._storage.renew(masks, self._generator("stored", 0))
        mask_net(inner, masks)
        self._ever = {name: mask.clone() for name, mask in self.masks.items()}
        self._ages = Ages()
        self._memory: dict[str, dict[str, Tensor]] = {name: {} for name in self._entries}
        self._pending: Masks | None = None  # gradients for the update that is due
        self._callbacks: list[Callable[[Update], None]] = []
        self._warned = False
        if rewiring.start is not None:
            for name in self._entries:
                for part in self._parts({name: self._seen(name, None, None, "start")}, "start"):
                    rewiring.start(part[name])

    @property
    def masks(self) -> Masks:
        """The masks by the names of the weights: the net's own buffers."""
        return {name: _mask(entry) for name, entry in self._entries.items()}

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights by their names: the net's own parameters."""
        return {name: entry.parameter for name, entry in self._entries.items()}

    @property
    def n_kept(self) -> dict[str, int]:
        """Weights kept, by name."""
        return {name: int(mask.count_nonzero()) for name, mask in self.masks.items()}

    @property
    def n_weights(self) -> int:
        """Weights in all, kept or not."""
        return sum(x.parameter.numel() for x in self._entries.values())

    @property
    def density(self) -> float:
        """Fraction of the weights that is kept now."""
        return sum(self.n_kept.values()) / self.n_weights

    @property
    def ever_active(self) -> float:
        """Fraction of the weights that was kept at some time: R_s of ITOP, arXiv:2102.02887."""
        return sum(int(x.count_nonzero()) for x in self._ever.values()) / self.n_weights

    @property
    def final_density(self) -> float | None:
        """Fraction of the weights that is kept at the end; None without a budget."""
        budget, at = self.rewiring.budget, self.timing.at
        if budget is None:
            return None
        last = 1.0 if at is None else self.timing.descent(max(at, default=0))
        n_weights = self.n_weights // (1 if self.seeds is None else len(self.seeds))  # of a net
        return round(budget(last) * n_weights) / n_weights

    @property
    def at_final_density(self) -> bool:
        """Whether as much is kept as at the end."""
        return self.final_density in (None, self.density)

    @property
    def steps_to_final_density(self) -> int:
        """Steps of the optimizer after which as much is kept as at the end."""
        return 0 if self.rewiring.budget is None else self.timing.last

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of the optimizer that end a dense or a sparse phase; () without phases."""
        return self.timing.at or ()

    @property
    def phase(self) -> str:
        """The number and the kind of the present phase, such as phase2-sparse."""
        return f"phase{self.n_updates + 1}-{'dense' if self.density == 1 else 'sparse'}"

    @property
    def update_is_due(self) -> bool:
        """Whether `update` will change the masks."""
        return self._pending is not None

    def on_update(self, callback: Callable[[Update], None]) -> None:
        """Call something after every update of the masks."""
        self._callbacks.append(callback)

    def about(self) -> dict[str, Any]:
        """The method and its settings, as JSON: for manifests and checkpoints."""
        return self._about(self.method, self.timing)

    def mask_gradients(self) -> None:
        """Set gradients of pruned weights to 0 before clipping, unless an update looks at them.

        Call it after ``loss.backward()`` and before gradients are clipped by their norm: at 2 %
        density most of the norm is that of pruned weights. Before an update that looks at dense
        gradients, and for methods whose optimizer sees them, nothing is changed.
        """
        before = self.timing.instead and self._is_due()
        after = not self.timing.instead and self.timing.due(self.n_steps + 1)
        if not (before or after):
            self._mask_gradients()

    def step(
        self, optimizer: optim.Optimizer, *, scaler: torch.amp.GradScaler | None = None
    ) -> bool:
        """Do what ``optimizer.step()`` does, keep pruned weights at 0, and update masks when due.

        Call it after ``loss.backward()``, once for each step of the optimizer; gradients may have
        been accumulated, clipped, averaged. Steps are steps of the optimizer. With RigL an update
        takes the place of a step: that batch only tells where to grow.

        Parameters
        ----------
        optimizer
            Any optimizer of the net's parameters.
        scaler
            The scaler of the loss in mixed precision; call ``scaler.update()`` yourself. A step
            that it skips does not count.

        Returns
        -------
        bool
            Whether the optimizer stepped: ``if sparsifier.step(optimizer): scheduler.step()``.

        Raises
        ------
        FormatError
            If an update needs gradients and there are none; or the optimizer does not have all of
            the weights, or needs a closure; or a weight that an update would change is frozen.
        LimitError
            If a gradient at an update is not finite.
        """
        stepped = self.advance(optimizer, scaler=scaler)
        self.update(optimizer)
        return stepped

    def advance(
        self, optimizer: optim.Optimizer, *, scaler: torch.amp.GradScaler | None = None
    ) -> bool:
        """Do what `step` does, but leave an update that follows the step to `update`.

        So a net can be evaluated, or saved, as it was trained: before it is pruned.
        """
        if self._pending is not None:
            raise FormatError(
                "an update of the masks is due: call sparsifier.update(optimizer) before the next "
                "forward pass, or sparsifier.step, which does both"
            )
        replaced = [name for name, x in self._entries.items() if not x.is_current]
        if replaced:
            raise FormatError(
                f"{', '.join(map(repr, replaced))} are other tensors than when the sparsifier was "
                "made: make it after all that replaces parameters, and load states with "
                "assign=False"
            )
        check_held(optimizer, self.weights)
        if scaler is not None and not unscaled(scaler, optimizer):
            scaler.step(optimizer)  # it leaves the step out, and lowers its scale
            return False
        if self.timing.instead and self._is_due():
            self._update(optimizer, self._gradients())
            return False
        self.n_steps += 1
        after = not self.timing.instead and self._is_due()
        gradients = self._gradients() if after else {}
        self._mask_gradients()
        if self._storage is not None:
            self._storage.put_in()
        take_step(optimizer, scaler)
        if self._storage is not None:
            self._storage.take_out(self.masks)
        self._settle(optimizer)
        if after:
            self._pending = gradients
            if self.rewiring.birth is births.moved:  # a forward pass would set them to 0
                self.update(optimizer)
        self._zero()
        return True

    def update(self, optimizer: optim.Optimizer) -> None:
        """Update the masks if that is due after the last step."""
        if self._pending is not None:
            gradients, self._pending = self._pending, None
            self._update(optimizer, gradients)

    def _zero(self) -> None:
        for entry in self._entries.values():
            entry.zero_pruned()

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on, besides the net and the optimizer."""
        return {
            "about": self.about(),
            "seed": self.seed,
            "n_steps": self.n_steps,
            "n_updates": self.n_updates,
            "last_update": self._last_update,
            "pending": None if self._pending is None else dict(self._pending),
            "ever": {name: x.clone() for name, x in self._ever.items()},
            "ages": self._ages.state(),
            "memory": {
                name: {key: x.clone() for key, x in known.items()}
                for name, known in self._memory.items()
            },
            "storage": None if self._storage is None else self._storage.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from the result of `state_dict`; load the net and the optimizer as well.

        Raises
        ------
        FormatError
            If it is of another method, of other settings, or of another net.
        """
        if not isinstance(state.get("about"), Mapping):
            raise FormatError(
                "the state is not of a sparse training: pass what sparsifier.state_dict() returned"
            )
        about = self.about()
        if self._stem is not None and state["about"].get("method") == self._stem[0]:
            about = self._about(*self._stem)
            if state["n_updates"] > len(self.phases):
                raise FormatError(
                    f"the state is from after the last update of {self._stem[0]}: the two go "
                    "different ways there; start from an earlier one"
                )
        other = [name for name, value in about.items() if state["about"].get(name) != value]
        if other:
            raise FormatError(
                f"the state is of a sparse training with another {', '.join(other)}: make the "
                "sparsifier with the same arguments"
            )
        if {name: x.shape for name, x in state["ever"].items()} != {
            name: x.shape for name, x in self._ever.items()
        }:
            raise FormatError("the state is of a net with other weights: load it into that net")
        self.seed, self.n_steps = state["seed"], state["n_steps"]
        self.n_updates, self._last_update = state["n_updates"], state["last_update"]
        devices = {name: x.parameter.device for name, x in self._entries.items()}
        pending, due = state["pending"], self.timing.due(self.n_steps)
        self._pending = None
        if pending is not None and due:
            self._pending = {name: x.to(devices[name]) for name, x in pending.items()}
        for name, x in self._ever.items():
            x.copy_(state["ever"][name])
        for name, known in state["memory"].items():
            self._memory[name] = {key: x.to(devices[name], copy=True) for key, x in known.items()}
        self._ages.restore(state["ages"], devices)
        if self._storage is not None:
            self._storage.restore(state["storage"])

    def _about(self, method: str, timing: Timing) -> dict[str, Any]:
        return {
            "method": method,
            **self.rewiring.about(),
            **{f"update_{name}": described(value) for name, value in vars(timing).items()},
            "density": self._density,
            "allocation": described(self._allocation),
            "dense": list(self._dense),
            **({} if self.seeds is None else {"seeds": list(self.seeds)}),
        }

    def _first_masks(self, density: float | None) -> Masks:
        """The masks at the start; present ones if no density is given."""
        present = {name: x.mask for name, x in self._entries.items()}
        budget = self.rewiring.budget
        if density is None:
            full = {
                name: torch.ones_like(x.parameter, dtype=torch.bool)
                for name, x in self._entries.items()
            }
            return {name: full[name] if x is None else x.clone() for name, x in present.items()}
        checked_fraction(density, "density")
        if any(x is not None and not bool(x.all()) for x in present.values()):
            remedy = "leave the density out to go on from its masks"
            if budget is not None:
                remedy = f"{self.method} chooses its masks itself, so give it a dense net"
            raise FormatError(f"the net is pruned already: {remedy}")
        first = density if budget is None else budget(0.0)
        allocation = allocation_of(self._allocation)
        return random_masks(self._entries, first, allocation, self._generator("masks"))

    def _generator(self, *path: str | int) -> torch.Generator:
        return _generator(self.seed, *path)

    def _is_due(self) -> bool:
        return self._last_update != self.n_steps and self.timing.due(self.n_steps)

    def _gradients(self) -> Masks:
        """Dense gradients, the same on every process."""
        gradients = {}
        for name, entry in self._entries.items():
            gradient = entry.parameter.grad
            if gradient is None:
                continue
            gradients[name] = processes.averaged(gradient.detach())
            if not is_finite(gradients[name]):
                raise LimitError(
                    f"the gradient of {name!r} is not finite at an update: lower the learning "
                    "rate, or clip gradients; in mixed precision, pass scaler="
                )
        return gradients

    def _mask_gradients(self) -> None:
        if not self.rewiring.masks_gradient:
            return
        for name, entry in self._entries.items():
            gradient = entry.parameter.grad
            if gradient is not None:
                seen = _mask(entry) if self._storage is None else self._storage.stored[name]
                gradient.masked_fill_(~seen, 0)

    @torch.no_grad()
    def _settle(self, optimizer: optim.Optimizer) -> None:
        """After a step of the optimizer: the steps of young weights, and noise."""
        for name, entry in self._entries.items():
            self._ages.correct(name, entry.parameter, optimizer)
            if self.rewiring.noise is not None and entry.parameter.requires_grad:
                path = ("noise", self.n_steps)
                seen = {name: self._seen(name, None, optimizer, *path)}
                group = group_of(optimizer, entry.parameter)
                rate = 0.0 if group is None else float(group["lr"])
                noise = [self.rewiring.noise(x[name], rate) for x in self._parts(seen, *path)]
                entry.parameter.add_(torch.stack(noise).reshape(entry.parameter.shape))

    def _seen(
        self,
        name: str,
        gradient: Tensor | None,
        optimizer: optim.Optimizer | None,
        *path: str | int,
    ) -> Entries:
        """What parts see of a weight."""
        entry = self._entries[name]
        return Entries(
            name,
            entry.parameter.detach(),
            _mask(entry),
            gradient,
            {} if optimizer is None else moments(optimizer, entry.parameter),
            self._ever[name],
            self._generator(*path, name),
            None if self._storage is None else self._storage.outside[name],
            self._memory[name],
        )

    def _parts(
        self, layers: Mapping[str, Entries], *path: str | int
    ) -> list[Mapping[str, Entries]]:
        """What is rewired alone: all of the net, or each net of a stack."""
        if self.seeds is None:
            return [layers]
        return [
            row_of(layers, row, {name: _generator(seed, *path, name) for name in layers})
            for row, seed in enumerate(self.seeds)
        ]

    @torch.no_grad()
    def _update(self, optimizer: optim.Optimizer, gradients: Mapping[str, Tensor]) -> None:
        """Change the masks."""
        check_not_frozen(self.weights)
        self._last_update = self.n_steps
        self.n_updates += 1
        layers = {
            name: self._seen(name, gradients.get(name), optimizer, "update", self.n_updates)
            for name in self._entries
        }
        before = {name: x.kept.clone() for name, x in layers.items()}
        layers = {name: replace(x, kept=before[name].clone()) for name, x in layers.items()}
        progress = self.timing.progress(self.n_steps)
        parts = self._parts(layers, "update", self.n_updates)
        budgeted = self.timing.descent(self.n_steps)
        for part in parts:
            resize(self.rewiring, part, budgeted)
            exchange(self.rewiring, part, self.rewiring.fraction(progress))
        dropped, grown = {}, {}
        for name, x in layers.items():
            dropped[name] = places(before[name] & ~x.kept)
            grown[name] = places(x.kept & ~before[name])
            if self._storage is not None:
                self._storage.keep(name, dropped[name])
            values = joined(self.rewiring.birth, [part[name] for part in parts], grown[name])
            self._entries[name].set_mask(x.kept)
            put(self._entries[name].parameter, grown[name], values)
            self._ever[name] |= x.kept
        hook_masks(self._net)  # sets pruned entries to 0; the net may have been moved
        processes.check_agreement(dropped, grown)
        self._remember(optimizer, dropped, grown)
        update = Update(self.n_updates, self.n_steps, dropped, grown, self.n_kept)
        for callback in self._callbacks:
            callback(update)

    def _remember(self, optimizer: optim.Optimizer, dropped: Masks, grown: Masks) -> None:
        """What the optimizer is to know of new weights."""
        new = {self._entries[name].parameter: places for name, places in grown.items()}
        if self._storage is not None:
            self._storage.renew(self.masks, self._generator("stored", self.n_updates))
        self.rewiring.state(optimizer, new)
        if self.rewiring.state is not fresh:
            return
        if has_ages(optimizer):
            for name, entry in self._entries.items():
                count = count_of(optimizer, entry.parameter)
                self._ages.replace(name, dropped[name], grown[name], count)
        elif not self._warned and hasattr(optimizer, "defaults") and "betas" in optimizer.defaults:
            self._warned = True
            warnings.warn(
                f"new weights cannot be given an age in {type(optimizer).__name__}: their moments "
                "start at 0, and its bias correction counts the steps of the whole weight; Adam "
                "and AdamW know ages",
                NetsculptWarning,
                stacklevel=3,
            )


def _generator(seed: int, *path: str | int) -> torch.Generator:
    drawn = int(stream(seed, "dynamic", *path).integers(2**63))
    return torch.Generator().manual_seed(drawn)


def _mask(entry: LayerParameter) -> Tensor:
    mask = entry.mask
    if mask is None:
        raise FormatError(
            f"the mask of {entry.name!r} is gone: train the net that the sparsifier was made for"
        )
    return mask
