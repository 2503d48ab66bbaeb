"""Search for networks that do a task whatever weight their connections share."""

from __future__ import annotations

from pathlib import Path

from netsculpt.core.progress import Progress
from netsculpt.core.random import RNG
from netsculpt.training.search.plan import SearchPlan
from netsculpt.training.search.result import Searched
from netsculpt.training.search.saved import finish
from netsculpt.training.search.searching import Searching
from netsculpt.training.search.tasks.protocol import SearchTask

__all__ = ["wann"]


def wann(
    task: SearchTask,
    plan: SearchPlan | None = None,
    *,
    rng: RNG = None,
    threads: int = 1,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Searched:
    """Search for weight agnostic networks: topologies that work with any shared weight.

    A population of networks without hidden units grows by mutations. A network is rewarded with
    each of a few weights, which all its connections share. Generations are ranked by mean reward
    and size, sometimes by mean and best reward; the best pass unchanged, tournaments choose the
    parents of the others.

    Parameters
    ----------
    task
        What networks are rewarded for: see `netsculpt.training.search.tasks`.
    plan
        How to search (default: as published for the cart-pole).
    rng
        Seed or generator.
    threads
        Cores to evaluate on; the result does not depend on it.
    checkpoint
        File of the state, saved while the search goes on. If it exists, the search resumes from
        it, to the same bytes; with more generations in the plan it goes on for longer.
    progress
        Called after every generation.

    Notes
    -----
    Gaier and Ha 2019, Weight agnostic neural networks (arXiv:1906.04358). Cost of a generation:
    population × weights × repetitions evaluations, each O(E) per sample or time step.
    """
    searching = Searching(task, plan or SearchPlan(), rng=rng, threads=threads)
    if checkpoint is not None:
        return finish(searching, checkpoint, progress=progress)
    while not searching.finished:
        searching.advance()
        if progress:
            progress("generations", searching.generation, searching.plan.generations)
    return searching.result()
