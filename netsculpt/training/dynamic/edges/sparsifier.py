"""Sparse training of nets with sparse layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.sparse import SparseLinear
from netsculpt.training.dynamic.ages import Ages, count_of, has_ages
from netsculpt.training.dynamic.choosing import Drop
from netsculpt.training.dynamic.edges.growing import Batch
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.learning import check_held, check_not_frozen
from netsculpt.training.dynamic.rewiring import Timing, described
from netsculpt.training.dynamic.scaling import take_step
from netsculpt.training.dynamic.states import moments

__all__ = ["EdgeSparsifier", "Places"]

Places = Callable[[SparseLinear, Sequence[Batch], int, torch.Generator], Tensor]


class EdgeSparsifier:
    """Moves the connections of sparse layers while they learn.

    ``sparsifier.step(optimizer)`` takes the place of ``optimizer.step()``. Each layer keeps as many
    weights as it has. New weights start at 0, with zero moments; steps of Adam and AdamW know their
    age. Cost of an update O(edges log edges), and what the growth costs.

    Parameters
    ----------
    net
        Any net; its `SparseLinear` layers are changed in place.
    drop
        Which weights go; see `netsculpt.training.dynamic.choosing`.
    grow
        Which places come; see `netsculpt.training.dynamic.edges.growing`.
    fraction
        Share of the kept weights that an update exchanges, by the progress.
    timing
        When masks are updated.
    rng
        Seed or generator. Same seed, same bytes.
    """

    def __init__(
        self,
        net: nn.Module,
        drop: Drop,
        grow: Places,
        fraction: Callable[[float], float],
        timing: Timing,
        *,
        rng: RNG = None,
    ) -> None:
        self._layers = {
            name: x
            for name, x in net.named_modules()
            if isinstance(x, SparseLinear) and x.values.requires_grad
        }
        if not self._layers:
            raise FormatError(
                "the net has no sparse layers that learn: make them of its masks with "
                "netsculpt.nets.sparse.sparse_net"
            )
        self._drop, self._grow, self._fraction, self.timing = drop, grow, fraction, timing
        self.seed, self.n_steps, self.n_updates, self._last_update = root_seed(rng), 0, 0, -1
        self._ages = Ages()
        self._batches: dict[str, list[Batch]] = {name: [] for name in self._layers}
        if timing.instead:  # growth by gradients: only then are inputs kept
            for name, layer in self._layers.items():
                layer.register_forward_hook(self._watching(name))

    @property
    def n_kept(self) -> dict[str, int]:
        """Weights kept, by the name of the layer."""
        return {name: layer.n_weights for name, layer in self._layers.items()}

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The kept weights by the name of their layer: the net's own parameters."""
        return {name: layer.values for name, layer in self._layers.items()}

    def step(self, optimizer: optim.Optimizer) -> bool:
        """Do what ``optimizer.step()`` does, and move connections when due.

        Returns whether the optimizer stepped: ``if sparsifier.step(optimizer): scheduler.step()``.
        """
        check_held(optimizer, self.weights)
        if self.timing.instead and self._is_due():
            self._update(optimizer)
            return False
        for batches in self._batches.values():
            batches.clear()
        take_step(optimizer)
        self.n_steps += 1
        for name, layer in self._layers.items():
            self._ages.correct(name, layer.values, optimizer)
        if not self.timing.instead and self._is_due():
            self._update(optimizer)
        return True

    def about(self) -> dict[str, Any]:
        """The parts and their settings, as JSON."""
        parts = {"drop": self._drop, "grow": self._grow, "fraction": self._fraction}
        timing = {f"update_{name}": value for name, value in vars(self.timing).items()}
        return {name: described(x) for name, x in {**parts, **timing}.items()}

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on, besides the net and the optimizer."""
        return {
            "about": self.about(),
            "seed": self.seed,
            "n_steps": self.n_steps,
            "n_updates": self.n_updates,
            "last_update": self._last_update,
            "ages": self._ages.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from the result of `state_dict`; load the net and the optimizer as well.

        Raises
        ------
        FormatError
            If it is of other settings.
        """
        other = [name for name, x in self.about().items() if state["about"].get(name) != x]
        if other:
            raise FormatError(
                f"the state is of a sparse training with another {', '.join(other)}: make the "
                "sparsifier with the same arguments"
            )
        self.seed, self.n_steps = state["seed"], state["n_steps"]
        self.n_updates, self._last_update = state["n_updates"], state["last_update"]
        devices = {name: layer.values.device for name, layer in self._layers.items()}
        self._ages.restore(state["ages"], devices)

    def _is_due(self) -> bool:
        return self._last_update != self.n_steps and self.timing.due(self.n_steps)

    @torch.no_grad()
    def _update(self, optimizer: optim.Optimizer) -> None:
        check_not_frozen(self.weights)
        self._last_update = self.n_steps
        self.n_updates += 1
        share = self._fraction(self.timing.progress(self.n_steps))
        for name, layer in self._layers.items():
            seed = int(stream(self.seed, "edges", self.n_updates, name).integers(2**63))
            generator = torch.Generator().manual_seed(seed)
            values = layer.values.detach()
            kept = torch.ones_like(values, dtype=torch.bool)
            gone = self._drop(Entries(name, values, kept, generator=generator), share)
            come = self._grow(layer, self._batches[name], len(gone), generator)
            self._batches[name].clear()
            self._exchange(optimizer, name, gone, come)

    def _exchange(self, optimizer: optim.Optimizer, name: str, gone: Tensor, come: Tensor) -> None:
        """Put new places where old ones were, and all that is stored into the same order."""
        layer = self._layers[name]
        flat, values = layer.flat, layer.values.detach().clone()
        flat[gone], values[gone] = come, 0
        order = layer.replace(flat, values)
        for stored in moments(optimizer, layer.values).values():
            stored[gone] = 0
            stored.copy_(stored[order])
        if layer.values.grad is not None:
            layer.values.grad = None  # it is of other places
        if has_ages(optimizer):
            count = count_of(optimizer, layer.values)
            self._ages.replace(name, gone, gone, count)
            self._ages.reorder(name, order)

    def _watching(self, name: str) -> Callable[..., None]:
        """A hook that keeps inputs and the gradients of outputs until the next step."""

        def keep(layer: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
            if not outputs.requires_grad:
                return
            batch = inputs[0].detach().reshape(-1, self._layers[name].in_features)

            def note(above: Tensor) -> None:
                self._batches[name].append((batch, above.reshape(len(batch), -1)))

            outputs.register_hook(note)  # type: ignore[no-untyped-call]
            del layer

        return keep
