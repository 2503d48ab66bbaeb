"""Pruning before, or without, training: score × allocation × schedule × scope, or walks."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.catalog import named, names, near
from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.files.saved_state import digest, read_state, restoring, write_state
from netsculpt.nets.choosing import apportioned, as_numbers, best
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.baselines import Score
from netsculpt.training.pruning.phew import phew
from netsculpt.training.pruning.report import PruningReport, pruning_report

__all__ = ["METHODS", "Pruned", "prune"]

Masks = dict[str, Tensor]
Numbers = Mapping[str, NDArray[np.float64]]
Allocate = Callable[[Numbers, float], dict[str, NDArray[np.bool_]]]

_ALL_LAYERS = "global"
METHODS = ("phew", *names("scores"))


@dataclass(frozen=True, eq=False)
class Pruned:
    """Masks, and what they leave of the net."""

    masks: Masks  # True = kept, by parameter
    report: PruningReport
    method: str
    density: float  # asked for; the report has the one reached
    seed: int  # repeats the pruning
    details: Mapping[str, Any]  # JSON-able

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "method": self.method,
            "asked": self.density,
            "seed": self.seed,
            **self.details,
            **self.report.summary(),
        }


def prune(
    net: nn.Module,
    *,
    method: str | Score,
    density: float,
    batches: Batches | None = None,
    rng: RNG = None,
    allocation: str = _ALL_LAYERS,
    schedule: str = "exponential",
    rounds: int | None = None,
    scope: str = "weight",
    dense: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    jobs: int = 1,
) -> Pruned:
    """Choose which weights a net keeps.

    Parameters
    ----------
    net
        Any net; left as it is: `mask_net` puts the masks into it. What it has pruned stays so.
    method
        A score of `netsculpt.training.pruning.scores` by name, a function like those, or "phew":
        random walks, `netsculpt.training.phew`, without allocation, schedule and scope.
    density
        Fraction of the weights to keep, 0 … 1: exactly round(density × weights) of them, or of
        their kernels or units. Walks keep int(density × weights) and what the last one adds.
        Biases and norms are neither pruned nor counted.
    batches
        Samples to score by. The first one is also the example that the net is traced with, for
        walks and for the report of its units.
    rng
        Seed or generator. Same seed, same bytes.
    allocation
        "global": the highest scores of all layers; or a name in
        `netsculpt.training.pruning.allocations`, and the highest of each layer. A layer that has
        fewer left keeps those; the others more.
    schedule
        How the density falls over the rounds: "exponential" by the same factor in each, density^(t
        / rounds); or another of `netsculpt.training.pruning.schedules`, stretched to end at the
        density.
    rounds
        How often to score anew; by default as often as the paper of the score does.
    scope
        What is kept or pruned as one: "weight", "kernel" or "unit".
    dense
        Parameters to leave alone; they are not counted.
    progress
        Called with (rounds done, rounds in all).
    checkpoint
        A file that keeps the masks after every round. If it is there already, pruning goes on from
        it, to the same bytes. It stays when all is done. Walks need none.
    jobs
        Threads that walk (−1: one a core); scores need none. The masks do not depend on it.

    Raises
    ------
    FormatError
        If a name is unknown, batches are needed, scores are not finite or do not fit, fewer
        weights are left than are to be kept, or the checkpoint is of another pruning.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> from netsculpt.nets.masks import mask_net
    >>> net = initial_net(MLP((64, 128, 10)), rng=0)
    >>> found = prune(net, method="magnitude", density=0.1, allocation="erk")
    >>> mask_net(net, found.masks)
    >>> found.report.weights.kept, found.report.weights.total
    ((551, 396), (8192, 1280))
    """
    seed = root_seed(rng)
    if not 0 <= density <= 1:
        raise FormatError(f"density is {density}: the kept fraction, 0 … 1, is needed")
    example = None if batches is None else batches.example
    parts = {"allocation": allocation, "schedule": schedule, "rounds": rounds, "scope": scope}
    if method == "phew":
        own = {"allocation": _ALL_LAYERS, "schedule": "exponential", "rounds": None}
        if parts != {**own, "scope": "weight"} or dense:
            raise FormatError(
                "phew has no allocation, schedule, rounds, scope or dense layers: leave them out"
            )
        if example is None:
            raise FormatError("phew traces the net: give batches, of which it uses one's shape")
        walks = phew(net, example, density, rng=seed, jobs=jobs)
        found = {"walks": walks.n_walks, "lost": walks.n_lost, "overshoot": walks.overshoot}
        report = pruning_report(net, walks.masks, example)
        return Pruned(walks.masks, report, "phew", density, seed, found)
    score = named("scores", method) if isinstance(method, str) else method
    rounds = _published_rounds(score) if rounds is None else rounds
    name = method if isinstance(method, str) else getattr(score, "__name__", "score")
    told: dict[str, Any] = {**parts, "rounds": rounds}
    about = {
        "kind": "pruning",
        **told,
        "method": name,
        "density": density,
        "seed": seed,
        "dense": sorted(dense),
    }
    choose = _allocate(allocation, net)
    densities, joint = _densities(schedule, density, rounds), named("scopes", scope)
    path = None if checkpoint is None else Path(checkpoint)
    done, masks = 0, _present_masks(net, dense)
    if path is not None:
        samples = (x for pair in batches or () for x in pair)
        about["net"] = digest(net.state_dict())
        about["samples"] = digest({str(number): x for number, x in enumerate(samples)})
        done, masks = _resumed(path, about, masks)
    rounds_left = _scored(
        net,
        lambda masked, rng: score(masked, batches, rng=rng),
        *(choose, densities, joint),
        seed=seed,
        done=done,
        masks=masks,
    )
    for done, masks in rounds_left:
        if path is not None:
            write_state(path, about, {"rounds": done, "masks": masks})
        if progress is not None:
            progress(done, rounds)
    return Pruned(masks, pruning_report(net, masks, example), name, density, seed, told)


def _scored(
    net: nn.Module,
    score: Score,
    allocate: Allocate,
    densities: list[float],
    scope: Callable[[Tensor], Tensor],
    *,
    seed: int,
    done: int,
    masks: Masks,
) -> Iterator[tuple[int, Masks]]:
    """Mask, score, choose, once for each density after the first `done`."""
    net = copy.deepcopy(net)
    for at, density in enumerate(densities[done:], start=done + 1):
        mask_net(net, masks)
        scores = score(net, stream(seed, "scores", at))
        _check_scores(scores, masks)
        keep = allocate({x: _joined(scores[x], mask, scope) for x, mask in masks.items()}, density)
        masks = {
            x: torch.from_numpy(keep[x]).expand(mask.shape) & mask for x, mask in masks.items()
        }
        yield at, masks


def _resumed(path: Path, about: Mapping[str, Any], masks: Masks) -> tuple[int, Masks]:
    """Rounds done and the masks after them, from a file; `masks` if there is none yet."""
    state = read_state(path, about)
    if state is None:
        return 0, masks
    with restoring(path):
        kept = {name: mask & state["masks"][name].bool() for name, mask in masks.items()}
        return int(state["rounds"]), kept


def _present_masks(net: nn.Module, dense: Collection[str]) -> Masks:
    """What may be kept of each parameter that is to be pruned."""
    weights, own = prunable(net), masks_of(net)
    for name in dense:
        if name not in weights:
            raise FormatError(f"{name!r} in dense is no weight of the net; {near(name, weights)}")
    return {
        name: own[name].cpu() if name in own else torch.ones(x.shape, dtype=torch.bool)
        for name, x in weights.items()
        if name not in dense
    }


def _joined(scores: Tensor, mask: Tensor, scope: Callable[[Tensor], Tensor]) -> NDArray[np.float64]:
    """Scores of what is kept or pruned as one; −∞ where it is pruned already."""
    kept = torch.where(mask, scores.detach().cpu().double(), 0.0)
    gone = as_numbers(scope(mask.double())) == 0
    return np.where(gone, -np.inf, as_numbers(scope(kept)))


def _allocate(allocation: str, net: nn.Module) -> Allocate:
    """Who chooses: the highest of all layers, or so many of each."""
    if allocation == _ALL_LAYERS:
        return _highest
    known = named("allocations", allocation, also=[_ALL_LAYERS])
    shapes = {name: tuple(x.shape) for name, x in prunable(net).items()}

    def allocate(scores: Numbers, density: float) -> dict[str, NDArray[np.bool_]]:
        wanted = known({name: shapes[name] for name in scores}, density)
        sizes = {name: x.size for name, x in scores.items()}
        n_kept = _n_kept(scores, density)
        left = {name: _n_left(x) for name, x in scores.items()}
        counts = apportioned(wanted, sizes, n_kept, left)
        return {name: best({name: x}, counts[name])[name] for name, x in scores.items()}

    return allocate


def _highest(scores: Numbers, density: float) -> dict[str, NDArray[np.bool_]]:
    return best(scores, _n_kept(scores, density))


def _n_kept(scores: Numbers, density: float) -> int:
    n_kept = round(density * sum(x.size for x in scores.values()))
    left = sum(map(_n_left, scores.values()))
    if left < n_kept:
        raise FormatError(
            f"{n_kept} are to be kept, of which the net's masks leave {left}: ask for a lower "
            "density, or give the net without its masks"
        )
    return n_kept


def _n_left(scores: NDArray[np.float64]) -> int:
    return int((scores != -np.inf).sum())


def _densities(schedule: str, density: float, rounds: int) -> list[float]:
    """What is kept after each round; in the end exactly what was asked for."""
    if rounds < 1:
        raise FormatError(f"rounds is {rounds}: 1 or more is needed")
    known = named("schedules", schedule)
    own = {"left": density} if schedule == "exponential" and density else {}
    fractions = [known(at / rounds, **own) / known(1.0, **own) for at in range(1, rounds)]
    return [*(1 - (1 - density) * x for x in fractions), density]


def _check_scores(scores: Mapping[str, Tensor], masks: Masks) -> None:
    for name, mask in masks.items():
        found = list(scores[name].shape) if name in scores else "missing"
        if found != list(mask.shape):
            raise FormatError(
                f"the score of {name!r} is {found}, the weight is {list(mask.shape)}: a score "
                "gives every prunable weight a tensor of its shape"
            )
        if not torch.isfinite(scores[name].cpu()[mask]).all():
            raise FormatError(
                f"scores of {name!r} are not finite: look for infinite weights or losses"
            )


def _published_rounds(score: Score) -> int:
    """Over how many rounds the paper of a score prunes by it."""
    inner: Any = inspect.unwrap(score)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    rounds: int = getattr(inspect.getmodule(inner), "ROUNDS", 1)
    return rounds
