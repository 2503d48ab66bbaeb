"""Runs shared among workers: which workers, in which order, how many at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from weakref import WeakSet

import joblib
import numpy as np
import pytest

from netsculpt import GraphError, NetGraph, planted, significance
from netsculpt.core.catalog import catalog
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG
from netsculpt.modules import quality
from netsculpt.nulls import rewire

NULLS = catalog("nulls")


def process(at: int) -> int:
    return os.getpid()


@for_threads
def process_of_threads(at: int) -> int:
    return process(at)


@for_threads
def handed_on(call: Callable[[int], int], at: int) -> int:
    return call(at)


@for_threads
def handed_on_by_name(at: int, *, call: Callable[[int], int]) -> int:
    return call(at)


def is_shared_by_threads(run: Callable[[int], int]) -> bool:
    return set(in_parallel(run, 4, 2)) == {os.getpid()}


def test_results_are_in_order_for_all_workers() -> None:
    square = partial(pow, exp=2)
    assert list(in_parallel(square, 9, 1)) == [at**2 for at in range(9)]
    assert list(in_parallel(square, 9, 2)) == [at**2 for at in range(9)]
    assert list(in_parallel(for_threads(lambda at: at**2), 9, 2)) == [at**2 for at in range(9)]
    assert list(in_parallel(square, 0, 2)) == []


def test_threads_for_what_is_marked_with_all_that_it_binds() -> None:
    assert is_shared_by_threads(process_of_threads)
    assert is_shared_by_threads(partial(handed_on, process_of_threads))
    assert is_shared_by_threads(
        partial(handed_on, partial(handed_on_by_name, call=process_of_threads))
    )
    assert not is_shared_by_threads(process)
    assert not is_shared_by_threads(partial(handed_on, process))
    assert not is_shared_by_threads(partial(handed_on, partial(handed_on_by_name, call=process)))
    assert not is_shared_by_threads(partial(process))


def test_the_caller_decides() -> None:
    with joblib.parallel_config("loky"):
        assert not is_shared_by_threads(process_of_threads)
    with joblib.parallel_config("threading"):
        assert is_shared_by_threads(process)


@pytest.mark.parametrize("mark", [for_threads, lambda run: run])
def test_errors_arrive(mark: Callable[..., Callable[[int], int]]) -> None:
    def broken(at: int) -> int:
        if at == 3:
            raise GraphError("run 3 is broken")
        return at

    with pytest.raises(GraphError, match="run 3"):
        list(in_parallel(mark(broken), 6, 2))


def test_no_more_null_networks_than_workers() -> None:
    graph, truth = planted([8] * 3, 2, 0.6, 0.1, rng=0)
    alive: WeakSet[NetGraph] = WeakSet()
    lock, counts, two = threading.Lock(), [], threading.Barrier(2)

    @for_threads
    def null(graph: NetGraph, *, rng: RNG = None) -> NetGraph:
        drawn = rewire(graph, rng=rng)
        with lock:
            alive.add(drawn)
        two.wait(60)  # so there are two at a time
        return drawn

    @for_threads
    def statistic(drawn: NetGraph) -> float:
        with lock:
            counts.append(len(alive))
        return quality(drawn, truth)

    significance(statistic, graph, null=null, n=12, rng=0, jobs=2)
    assert len(counts) == 13
    assert max(counts) == 2
    assert not alive


@pytest.mark.parametrize("name", NULLS)
def test_null_models_in_threads(name: str) -> None:
    graph, truth = planted([20] * 3, 2, 0.5, 0.1, skips=0.5, rng=0)
    weighted = graph.with_weights(np.arange(graph.n_edges) + 1.0)
    statistic = for_threads(partial(quality, partition=truth))
    alone, shared = (
        significance(statistic, weighted, null=NULLS[name], n=16, rng=1, jobs=jobs).draws.tobytes()
        for jobs in (1, 2)
    )
    assert alone == shared
