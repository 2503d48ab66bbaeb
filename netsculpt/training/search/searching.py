"""A search for weight agnostic networks, generation by generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, NumberError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search import mutations
from netsculpt.training.search.genome import (
    Genome,
    expressed,
    expressed_as_published,
    first_genome,
)
from netsculpt.training.search.plan import SearchPlan
from netsculpt.training.search.ranking import crowding, crowding_as_published, ranks
from netsculpt.training.search.result import COLUMNS, Champion, Searched
from netsculpt.training.search.stored import packed, unpacked
from netsculpt.training.search.tasks.protocol import SearchTask
from netsculpt.training.search.topology import Topology

__all__ = ["Searching"]


class Searching:
    """A search for weight agnostic networks that advances one generation at a time.

    Each generation draws from a random stream of its own, so that a search that was interrupted
    ends with the same bytes, and so do searches on any number of threads.

    Parameters
    ----------
    task
        What networks are rewarded for.
    plan
        How to search.
    rng
        Seed or generator.
    threads
        Cores to evaluate on; the result does not depend on it.
    """

    def __init__(
        self, task: SearchTask, plan: SearchPlan, *, rng: RNG = None, threads: int = 1
    ) -> None:
        self.task, self.plan, self.threads = task, plan, threads
        self.seed = root_seed(rng)
        self.generation = 0  # of the next evaluation
        self._genomes: list[Genome] = []
        self._topologies: list[Topology] = []  # of the genomes
        self._rewards = np.zeros((0, len(plan.weights)))
        self._champions: list[Champion] = []
        self._history: list[tuple[float, ...]] = []
        known = [WANN_ACTIVATIONS.index(name) for name in task.activations]
        self._activations = np.array(known, np.int8)
        self._numbers = mutations.Numbers(
            unit=1 + task.n_inputs + task.n_outputs, innovation=(1 + task.n_inputs) * task.n_outputs
        )
        self._express = expressed_as_published if plan.published else expressed
        self._crowding = crowding_as_published if plan.published else crowding

    @property
    def about(self) -> dict[str, Any]:
        """What identifies the search, JSON-able."""
        task = {"task": self.task.about, "seed": self.seed}
        return {"kind": "search for weight agnostic networks", **task, "plan": self.plan.about}

    @property
    def finished(self) -> bool:
        """Whether all generations have been evaluated."""
        return self.generation >= self.plan.generations

    def advance(self) -> None:
        """Make the next generation and evaluate it."""
        rng = stream(self.seed, "generation", self.generation)
        kept: NDArray[np.float64] = self._rewards[:0]
        if self.generation == 0:
            self._genomes = [self._first(rng) for _ in range(self.plan.population)]
        else:
            kept = self._next_generation(rng)
        topologies = self._topologies = [self._express(genome) for genome in self._genomes]
        evaluation = stream(self.seed, "evaluation", self.generation)
        if self.task.fixed:  # elites have the rewards that they had
            new = self._evaluated(topologies[len(kept) :], self.plan.repetitions, evaluation)
            self._rewards = np.concatenate([kept, new])
        else:
            self._rewards = self._evaluated(topologies, self.plan.repetitions, evaluation)
        self._seek_champion(topologies)
        self._record(topologies)
        self.generation += 1

    def result(self) -> Searched:
        """What has been found so far."""
        if not self._champions:
            raise FormatError("no generation has been evaluated: advance first")
        return Searched(
            self.plan,
            tuple(self._champions),
            tuple(self._topologies),
            self._rewards.copy(),
            np.array(self._history),
        )

    def state(self) -> dict[str, Any]:
        """All that is needed to resume."""
        return {
            "generation": self.generation,
            "numbers": [self._numbers.unit, self._numbers.innovation],
            "population": packed(self._genomes),
            "rewards": self._rewards.tolist(),
            "history": [list(row) for row in self._history],
            "champions": packed([champion.genome for champion in self._champions]),
            "found": [
                [champion.generation, champion.rewards.tolist()] for champion in self._champions
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from what `state` returned."""
        ends = 1 + self.task.n_inputs, self.task.n_outputs
        genomes, champions = (unpacked(state[name], *ends) for name in ("population", "champions"))
        rewards = np.array(state["rewards"], dtype=np.float64)
        history = [tuple(map(float, row)) for row in state["history"]]
        generation, found = int(state["generation"]), state["found"]
        if (
            len(genomes) != self.plan.population
            or rewards.shape != (len(genomes), len(self.plan.weights))
            or len(history) != generation
            or len(found) != len(champions)
        ):
            raise FormatError("its parts do not fit together")
        self._numbers = mutations.Numbers(*map(int, state["numbers"]))
        self._genomes, self._rewards, self._history = genomes, rewards, history
        self._topologies = [self._express(genome) for genome in genomes]
        self._champions = [
            Champion(int(when), genome, self._express(genome), np.array(scores, dtype=np.float64))
            for genome, (when, scores) in zip(champions, found, strict=True)
        ]
        self.generation = generation

    def _first(self, rng: np.random.Generator) -> Genome:
        activation = "identity" if self.plan.published else self.task.output_activation
        return first_genome(
            1 + self.task.n_inputs,
            self.task.n_outputs,
            enabled=self.plan.initially_enabled,
            activation=WANN_ACTIVATIONS.index(activation),
            rng=rng,
        )

    def _next_generation(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Replace the population by elites and children; the rewards of the elites."""
        by_rank = np.argsort(self._ranks(rng))
        _, n_elites, _ = self.plan.selection.sizes(len(self._genomes))
        survivors = [self._genomes[index] for index in by_rank]
        parents = self.plan.selection.parents(len(survivors), rng)
        children = [
            self._mutation(rng)(survivors[parent], self._numbers, self._activations, rng)
            for parent in parents
        ]
        self._genomes = [*survivors[:n_elites], *children]
        return self._rewards[by_rank[:n_elites]]

    def _mutation(self, rng: np.random.Generator) -> Callable[..., Genome]:
        frequencies = vars(self.plan.mutations)
        shares = np.array(list(frequencies.values()))
        kind = rng.choice(len(shares), p=shares / shares.sum())
        mutation: Callable[..., Genome] = getattr(mutations, list(frequencies)[kind])
        return mutation

    def _ranks(self, rng: np.random.Generator) -> NDArray[np.intp]:
        n_edges = np.array([topology.n_edges for topology in self._topologies])
        second = 1 / np.maximum(n_edges, 1)
        if rng.random() >= self.plan.by_size:
            second = self._rewards.max(axis=1)
        values = np.column_stack([self._rewards.mean(axis=1), second])
        return ranks(values, self._crowding)

    def _evaluated(
        self, topologies: Sequence[Topology], repetitions: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        weights = np.array(self.plan.weights)
        rewards = self.task.rewards(
            topologies, weights, repetitions=repetitions, rng=rng, threads=self.threads
        )
        if not np.isfinite(rewards).all():
            raise NumberError(
                f"task {self.task.name!r} gave a reward that is not finite: bound its rewards"
            )
        return rewards

    def _seek_champion(self, topologies: Sequence[Topology]) -> None:
        """Test the best network as the champion was tested, if it looks better.

        All are tested by the same draws: otherwise a champion gives way to itself when the draws
        are kinder.
        """
        best = int(self._rewards.mean(axis=1).argmax())
        rewards, before = self._rewards[best], self._champions
        if before and rewards.mean() <= before[-1].mean:
            return
        if not self.task.fixed:
            rng = stream(self.seed, "champion")
            rewards = self._evaluated([topologies[best]], self.plan.final_repetitions, rng)[0]
        if not before or rewards.mean() > before[-1].mean:
            champion = Champion(
                self.generation, self._genomes[best], topologies[best], rewards.copy()
            )
            self._champions.append(champion)

    def _record(self, topologies: Sequence[Topology]) -> None:
        means = self._rewards.mean(axis=1)
        edges = [topology.n_edges for topology in topologies]
        row = {
            "mean_best": means.max(),
            "mean_median": np.median(means),
            "best_best": self._rewards.max(),
            "edges_median": np.median(edges),
            "units_median": np.median([topology.n_units for topology in topologies]),
            "edges_of_best": edges[int(means.argmax())],
            "champion": self._champions[-1].mean,
        }
        self._history.append(tuple(float(row[name]) for name in COLUMNS))
