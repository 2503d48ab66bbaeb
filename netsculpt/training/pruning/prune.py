"""Pruning before, or without, training: score × allocation × schedule × scope, or walks."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.prune import is_pruned

from netsculpt.core.callables import innermost, name_of
from netsculpt.core.catalog import named, names, near
from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.locking import held
from netsculpt.core.numbers import checked_number, checked_whole, shown
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.files.saved_state import digest, read_state, restoring, write_state
from netsculpt.nets.choosing import apportioned, best
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.baselines import Score
from netsculpt.training.pruning.phew import phew
from netsculpt.training.pruning.report import Pruned, pruning_report
from netsculpt.training.pruning.schedules import exponential

__all__ = ["METHODS", "Allocation", "Schedule", "Scope", "prune", "published_rounds"]

Allocation = Callable[[Mapping[str, Sequence[int]], float], Mapping[str, float]]
Schedule = Callable[[float], float]
Scope = Callable[[Tensor], Tensor]
Masks = dict[str, Tensor]
Numbers = Mapping[str, NDArray[np.float64]]
Choose = Callable[[Numbers, float], Mapping[str, NDArray[np.bool_]]]

_ALL_LAYERS = "global"
_MOST_ROUNDS = 1_000_000


# Methods that choose masks without scores: (net, example, density, *, rng, jobs) -> Pruned.
_WITHOUT_SCORES: Mapping[str, Callable[..., Pruned]] = MappingProxyType({"phew": phew})
METHODS = (*_WITHOUT_SCORES, *names("scores"))


def prune(
    net: nn.Module,
    *,
    method: str | Score,
    density: float,
    batches: Batches | None = None,
    rng: RNG = None,
    allocation: str | Allocation = _ALL_LAYERS,
    schedule: str | Schedule = "exponential",
    rounds: int | None = None,
    scope: str | Scope = "weight",
    dense: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
    on_round: Callable[[int, Mapping[str, Tensor]], None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    jobs: int = 1,
) -> Pruned:
    """Choose which weights a net keeps.

    Method, allocation, schedule and scope are names in `netsculpt.training.pruning`, or functions
    with the same signature.

    Parameters
    ----------
    net
        Any net; left as it is: `mask_net` puts the masks into it. What it has pruned stays so.
    method
        A score of `netsculpt.training.pruning.scores`; or "phew", random walks without
        allocation, schedule and scope: `netsculpt.training.phew` has more options.
    density
        Fraction of the weights to keep, 0 … 1: exactly round(density × weights) of them, or of
        their kernels or units. Walks keep int(density × weights) and what the last one adds.
        Biases and norms are neither pruned nor counted.
    batches
        Samples to score by. The first one is also the example with which the net is traced, for
        walks and for the report on its units.
    rng
        Seed or generator. Same seed, same bytes.
    allocation
        "global": the highest scores of all layers; or one of
        `netsculpt.training.pruning.allocations`, and the highest of each layer. A layer that has
        fewer left keeps those; the others more.
    schedule
        How the density falls over the rounds, from what the net has not pruned yet: "exponential"
        by the same factor in each, density^(t / rounds) for a dense net; or another of
        `netsculpt.training.pruning.schedules`, stretched to end at the density.
    rounds
        How often to score; by default as often as in the paper of the score.
    scope
        What is kept or pruned together: "weight", "kernel" or "unit", or another of
        `netsculpt.training.pruning.scopes`.
    dense
        Parameters to leave alone; they are not counted.
    progress
        Called with (rounds done, all rounds).
    on_round
        Called with the number and the masks of every round, before they are saved; at first with 0
        and the masks to start from, also when a pruning resumes. Walks have no rounds.
    checkpoint
        A file that keeps the masks after every round. If it exists, pruning resumes from it, to
        the same bytes; functions are compared by their names. It is not removed at the end. Walks
        need none.
    jobs
        Threads for walks (−1: one per core); scores use none. The masks do not depend on it.

    Raises
    ------
    FormatError
        If a name is unknown, batches are needed, scores are not finite or do not fit, fewer
        weights are left than are to be kept, or the checkpoint is of another pruning.
    BusyError
        If another pruning has the checkpoint in use.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> from netsculpt.nets.masks import mask_net
    >>> net = initial_net(MLP((64, 128, 10)), rng=0)
    >>> pruned = prune(net, method="magnitude", density=0.1, allocation="erk")
    >>> mask_net(net, pruned.masks)
    >>> pruned.report.weights.kept, pruned.report.weights.total
    ((551, 396), (8192, 1280))
    """
    seed = root_seed(rng)
    _require_own_masks(net)
    checked_number(density, "density", least=0, most=1)
    example = None if batches is None else batches.example
    if isinstance(method, str) and method in _WITHOUT_SCORES:
        defaults = _ALL_LAYERS, "exponential", None, "weight"
        if (allocation, schedule, rounds, scope) != defaults or dense:
            raise FormatError(
                f"{method} has no allocation, schedule, rounds, scope or dense layers: leave them "
                "out"
            )
        if example is None:
            raise FormatError(f"{method} traces the net: give batches; only their shape is used")
        return _WITHOUT_SCORES[method](net, example, density, rng=seed, jobs=jobs)
    score: Score = _function("scores", method)
    if rounds is None:
        rounds = published_rounds(method)
    name = _name(method, "score")
    details = {
        "allocation": _name(allocation, "allocation"),
        "schedule": _name(schedule, "schedule"),
        "rounds": rounds,
        "scope": _name(scope, "scope"),
    }
    choose, together = _choice(allocation, net), _function("scopes", scope)
    _require_rounds(rounds)
    chosen = {
        "method": method,
        "allocation": allocation,
        "schedule": schedule,
        "scope": scope,
    }
    about = {
        "kind": "pruning",
        **{role: x if isinstance(x, str) else name_of(x) for role, x in chosen.items()},
        "rounds": rounds,
        "density": density,
        "seed": seed,
        "dense": sorted(set(dense)),
    }
    path = None if checkpoint is None else Path(checkpoint)
    with ExitStack() as stack:
        if path is not None:
            stack.enter_context(held(path))
        done, masks = 0, _present_masks(net, dense)
        present = _kept_share([together(mask.double()) > 0 for mask in masks.values()])
        densities = _densities(schedule, density, rounds, present)
        if path is not None:
            samples = (x for pair in batches or () for x in pair)
            about["net"] = digest(net.state_dict())
            about["samples"] = digest({str(number): x for number, x in enumerate(samples)})
        if on_round is not None:
            on_round(0, masks)
        if path is not None:
            done, masks = _resumed(path, about, masks, densities, together)
        masked = copy_of(net)
        for index, kept_density in enumerate(densities[done:], start=done + 1):
            mask_net(masked, masks)
            scores = score(masked, batches, rng=stream(seed, "scores", index))
            _check_scores(scores, masks)
            joined = {x: _joined(scores[x], mask, together) for x, mask in masks.items()}
            kept = choose(joined, kept_density)
            masks = {
                x: torch.from_numpy(kept[x]).expand(mask.shape) & mask for x, mask in masks.items()
            }
            if on_round is not None:
                on_round(index, masks)
            if path is not None:
                write_state(path, about, {"rounds": index, "masks": masks})
            if progress is not None:
                progress(index, rounds)
    return Pruned(masks, pruning_report(net, masks, example), name, density, seed, details)


def published_rounds(method: str | Score) -> int:
    """How often a method scores, as in its paper; walks have one round.

    >>> published_rounds("synflow"), published_rounds("phew")
    (100, 1)
    """
    if isinstance(method, str) and method in _WITHOUT_SCORES:
        return 1
    return int(getattr(innermost(_function("scores", method)), "published_rounds", 1))


def _require_own_masks(net: nn.Module) -> None:
    if is_pruned(net):
        raise FormatError(
            "the net is under torch.nn.utils.prune, whose masks would not count: give "
            "netsculpt.nets.with_own_masks(net)"
        )


def _resumed(
    path: Path, about: Mapping[str, Any], masks: Masks, densities: Sequence[float], together: Scope
) -> tuple[int, Masks]:
    """Rounds done and the masks after them, from a file; `masks` if there is none yet."""
    state = read_state(path, about)
    if state is None:
        return 0, masks
    with restoring(path):
        done, saved = state["rounds"], state["masks"]
        shapes = {name: (mask.dtype, mask.shape) for name, mask in masks.items()}
        if {name: (mask.dtype, mask.shape) for name, mask in saved.items()} != shapes:
            raise FormatError("its masks do not fit the net")
        done = checked_whole(done, "the number of its rounds", least=1, most=len(densities))
        saved = {name: saved[name].to(mask.device) for name, mask in masks.items()}
        if any((saved[name] & ~mask).any() for name, mask in masks.items()):
            raise FormatError("its masks keep what the net has pruned")
        items = [together(mask.double()) > 0 for mask in saved.values()]
        kept, total = sum(int(x.sum()) for x in items), sum(x.numel() for x in items)
        if kept != round(densities[done - 1] * total):
            raise FormatError(f"it keeps {kept} of {total}, which is not what round {done} keeps")
        return done, saved


def _function(catalogue: str, choice: str | Callable[..., Any], also: Sequence[str] = ()) -> Any:
    return named(catalogue, choice, also=also) if isinstance(choice, str) else choice


def _name(choice: str | Callable[..., Any], unnamed: str) -> str:
    return choice if isinstance(choice, str) else getattr(choice, "__name__", unnamed)


def _present_masks(net: nn.Module, dense: Collection[str]) -> Masks:
    """The masks to start from: those of the net, or all kept, without the dense layers."""
    weights, present = prunable(net), masks_of(net)
    for name in dense:
        if name not in weights:
            raise FormatError(
                f"{name!r} in dense is not a weight of the net; {near(name, weights)}"
            )
    return {
        name: present[name].cpu() if name in present else torch.ones(x.shape, dtype=torch.bool)
        for name, x in weights.items()
        if name not in dense
    }


def _joined(scores: Tensor, mask: Tensor, scope: Scope) -> NDArray[np.float64]:
    """Scores of what is kept or pruned together; −∞ where it is pruned already."""
    kept = torch.where(mask, scores.detach().cpu().double(), 0.0)
    any_kept = scope(mask.double()) > 0
    return torch.where(any_kept, scope(kept), -torch.inf).numpy()


def _choice(allocation: str | Allocation, net: nn.Module) -> Choose:
    """Choose the highest scores of all layers, or the highest of each."""
    if allocation == _ALL_LAYERS:
        return lambda scores, density: best(scores, _n_kept(scores, density))
    allocate: Allocation = _function("allocations", allocation, also=[_ALL_LAYERS])
    shapes = {name: tuple(x.shape) for name, x in prunable(net).items()}

    def choose(scores: Numbers, density: float) -> dict[str, NDArray[np.bool_]]:
        wanted = allocate({name: shapes[name] for name in scores}, density)
        sizes = {name: x.size for name, x in scores.items()}
        n_kept = _n_kept(scores, density)
        left = {name: _n_left(x) for name, x in scores.items()}
        counts = apportioned(wanted, sizes, n_kept, left)
        return {name: best({name: x}, counts[name])[name] for name, x in scores.items()}

    return choose


def _n_kept(scores: Numbers, density: float) -> int:
    n_kept = round(density * sum(x.size for x in scores.values()))
    left = sum(map(_n_left, scores.values()))
    if left < n_kept:
        raise FormatError(
            f"{n_kept} are to be kept, of which the net's masks leave {left}: choose a lower "
            "density, or give the net without its masks"
        )
    return n_kept


def _n_left(scores: NDArray[np.float64]) -> int:
    return int((scores != -np.inf).sum())


def _kept_share(items: Sequence[Tensor]) -> float:
    """Fraction of the items that is kept; 1 if there are none."""
    total = sum(x.numel() for x in items)
    return sum(int(x.sum()) for x in items) / total if total else 1.0


def _require_rounds(rounds: int) -> None:
    checked_whole(rounds, "rounds", least=1)
    if rounds > _MOST_ROUNDS:
        raise LimitError(
            f"rounds is {shown(rounds)}: a round scores all weights, {_MOST_ROUNDS:,} are the most"
        )


def _densities(
    schedule: str | Schedule, density: float, rounds: int, present: float
) -> list[float]:
    """The density after each round, from the present one on; in the end exactly as requested."""
    pruned = _function("schedules", schedule)
    start = max(present, density)
    options = {"left": density / start} if pruned is exponential and density else {}
    whole = pruned(1.0, **options)
    fractions = [pruned(t / rounds, **options) / whole for t in range(1, rounds)]
    return [*(start - (start - density) * x for x in fractions), density]


def _check_scores(scores: Mapping[str, Tensor], masks: Masks) -> None:
    for name, mask in masks.items():
        shape = list(scores[name].shape) if name in scores else "missing"
        if shape != list(mask.shape):
            raise FormatError(
                f"the score of {name!r} is {shape}, the weight is {list(mask.shape)}: a score has "
                "a tensor of its shape for every prunable weight"
            )
        if not torch.isfinite(scores[name].cpu()[mask]).all():
            raise FormatError(
                f"scores of {name!r} are not finite: look for infinite weights or losses"
            )
