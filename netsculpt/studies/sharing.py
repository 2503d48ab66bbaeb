"""Items shared among workers: small ones several at a time; a death loses one, which is retried."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

from netsculpt.studies.backends import WorkerDiedError, Workers

__all__ = ["Outcome", "as_finished"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHORTEST = 1.0  # seconds of work at a time: on a busy machine, handing it out takes 30 ms
_FOR_EACH_WORKER = 2e-3  # seconds: one process serves them all
_LOOK = 5.0  # seconds after which new workers of a cluster get work
_MOST = 10_000  # items at a time


@dataclass(frozen=True, eq=False)
class Outcome(Generic[Item, Result]):
    """What has become of an item: its results, or why there are none."""

    item: Item
    results: tuple[Result, ...]  # one, or none
    failure: str = ""


def as_finished(
    run: Callable[[Item], Result],
    items: Iterable[Item],
    workers: Workers,
    *,
    until: float = float("inf"),
    most_deaths: int = 3,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Outcome[Item, Result]]:
    """Yield the outcome of each item as soon as it is there, in any order.

    A worker is given as many items as it does in a second, and more if there are hundreds of
    workers. It begins no other one after that time, so that a wrong guess does no harm.
    If it dies, its items are given out again one by one; where a call of ours that it had, too, may
    be to blame, each of them while nothing else runs.

    Parameters
    ----------
    run
        A function that can be pickled, if the workers are processes. What it raises is raised here.
    items
        Taken when a worker is free.
    until
        Time by ``time.monotonic`` after which no item is begun; those are not yielded.
    most_deaths
        After so many deaths of its workers an item has failed, and the others go on.
    waiting
        Called every few seconds while a cluster has no workers; new ones are waited for as long as
        items may be begun.

    >>> from netsculpt.studies.backends import open_workers
    >>> with open_workers() as workers:
    ...     sorted(outcome.results for outcome in as_finished(abs, [-2, 1], workers))
    [(1,), (2,)]
    """
    rest, again = iter(items), deque[Item]()
    alone, secluded = deque[Item](), deque[Item]()  # one by one; and while nothing else runs
    is_secluded = False  # whether what runs does so
    deaths = Counter[int]()  # by the identity of the item
    ready = SimpleQueue[Future[_Done[Result]]]()
    running: dict[Future[_Done[Result]], list[Item]] = {}
    at_a_time = 1.0
    while True:
        while not is_secluded and len(running) < max(1, workers.n) and monotonic() < until:
            if secluded and running:
                break
            if secluded:
                chunk, is_secluded = [secluded.popleft()], True
            else:
                chunk = [alone.popleft()] if alone else _taken(again, rest, int(at_a_time))
            if not chunk:
                break
            seconds = max(_SHORTEST, workers.n * _FOR_EACH_WORKER)
            call = partial(_run_some, run, chunk, seconds, until - monotonic())
            future = workers.submit(call)
            running[future] = chunk
            future.add_done_callback(ready.put)
        if not running:
            return
        try:
            future = ready.get(timeout=_LOOK)
        except Empty:
            if not workers.n:
                if monotonic() >= until:
                    return
                waiting()
            continue
        chunk = running.pop(future)
        was_secluded, is_secluded = is_secluded, False
        try:
            done = future.result()
        except WorkerDiedError as death:
            if death.shared and not was_secluded:
                secluded.extend(chunk)
                continue
            if len(chunk) > 1:
                alone.extend(chunk)
                continue
            (item,) = chunk
            deaths[id(item)] += death.times
            if deaths[id(item)] < most_deaths:
                alone.append(item)
            else:
                yield Outcome(item, (), f"{death}, {deaths[id(item)]} times")
            continue
        again.extend(chunk[len(done.results) :])
        if done.results:
            per_item = done.seconds / len(done.results)
            fitting = _MOST if per_item * _MOST < seconds else seconds / per_item
            at_a_time = max(1.0, min(fitting, 2 * at_a_time))
        for item, result in zip(chunk, done.results, strict=False):
            yield Outcome(item, (result,))


@dataclass(frozen=True, eq=False)
class _Done(Generic[Result]):
    """Results of the first items of a chunk; it was too late to begin the others."""

    results: list[Result]
    seconds: float


def _run_some(
    run: Callable[[Item], Result], items: Sequence[Item], seconds: float, latest: float
) -> _Done[Result]:
    """Run the first item, and others until `seconds` have passed; none after `latest` seconds."""
    begun, results = monotonic(), list[Result]()
    for item in items:
        passed = monotonic() - begun
        if passed >= latest or (results and passed >= seconds):
            break
        results.append(run(item))
    return _Done(results, monotonic() - begun)


def _taken(again: deque[Item], rest: Iterator[Item], n: int) -> list[Item]:
    """The next items: first those that were handed back."""
    chunk = [again.popleft() for _ in range(min(n, len(again)))]
    return chunk + list(islice(rest, n - len(chunk)))
