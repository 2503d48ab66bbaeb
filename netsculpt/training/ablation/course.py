"""An ablation that can be interrupted: what is known is saved while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

import torch
from torch import Tensor, nn

from netsculpt.core.locking import held
from netsculpt.files.saved_state import digest, read_state, restoring, write_state
from netsculpt.training.fitting.batches import Batches

__all__ = ["Course", "about", "saving"]

_PAUSE: Final = 5.0  # seconds between two saves


class Course:
    """How far an ablation has come: changes so far, and the weights done in the current part.

    Weights are done in whole blocks, in order, so that an ablation that is continued goes through
    the same blocks, to the same bits.
    """

    def __init__(self, kept: Mapping[str, Tensor]) -> None:
        self.kept = kept
        self.n_kept = sum(int(x.sum()) for x in kept.values())
        self.changes = {name: torch.zeros(x.shape, dtype=torch.double) for name, x in kept.items()}
        self.done = {name: torch.zeros_like(x) for name, x in kept.items()}
        self.n_parts = 0  # done
        self.loss = 0.0  # of those parts
        self.ways: dict[str, str] = {}
        self._n_done = 0  # in the current part

    def left(self, name: str) -> Tensor:
        """The kept weights that are still to be removed in the current part."""
        return self.kept[name] & ~self.done[name]

    @property
    def n_done(self) -> int:
        """Removals so far."""
        return self.n_parts * self.n_kept + self._n_done

    def add(self, name: str, places: Tensor, changes: Tensor) -> None:
        """Add changes at some places of a parameter, which are done then."""
        self.changes[name].view(-1)[places] += changes
        self.done[name].view(-1)[places] = True
        self._n_done += len(places)

    def end_part(self, loss: float) -> None:
        """Begin the next part; `loss` is what the one that ends adds to the mean."""
        self.loss += loss
        self.n_parts += 1
        self._n_done = 0
        for done in self.done.values():
            done.zero_()

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "changes": self.changes,
            "done": self.done,
            "n_parts": self.n_parts,
            "loss": self.loss,
            "ways": self.ways,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from there."""
        for name in self.kept:
            self.changes[name].copy_(state["changes"][name])
            self.done[name].copy_(state["done"][name])
        self.n_parts, self.loss = int(state["n_parts"]), float(state["loss"])
        self.ways = dict(state["ways"])
        self._n_done = sum(int(x.sum()) for x in self.done.values())


def about(net: nn.Module, batches: Batches) -> dict[str, Any]:
    """What identifies an ablation: the net with its masks, the samples, and the loss."""
    samples = {
        f"{n} {name}": x
        for n, pair in enumerate(batches)
        for name, x in zip("xy", pair, strict=True)
    }
    loss = getattr(batches.loss, "__qualname__", type(batches.loss).__qualname__)
    return {
        "kind": "ablation",
        "layers": str(net),
        "net": digest(net.state_dict()),
        "sample values": digest(samples),
        "loss": loss,
    }


@contextmanager
def saving(
    course: Course, path: Path | None, about: Mapping[str, Any]
) -> Iterator[Callable[[], None]]:
    """Continue from a file if it exists, and save to it: every few seconds, and at the end.

    The function that is given is to be called after every block. Without a path nothing is saved.
    """
    if path is None:
        yield lambda: None
        return
    with held(path):
        state = read_state(path, about)
        if state is not None:
            with restoring(path):
                course.restore(state)
        last = monotonic()

        def save_now_and_then() -> None:
            nonlocal last
            if monotonic() - last > _PAUSE:
                write_state(path, about, course.state())
                last = monotonic()

        yield save_now_and_then
        write_state(path, about, course.state())
