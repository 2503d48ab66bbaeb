"""Searches from scratch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaier2019.scored import scores
from netsculpt.studies.study import Rows
from netsculpt.training.search.plan import SearchPlan
from netsculpt.training.search.selection import Selection
from netsculpt.training.search.tasks import SampleTask, parse_search_task
from netsculpt.training.search.wann import wann

EVERY = 8  # generations whose history is kept


@dataclass(frozen=True)
class Search:
    """A search for networks of one task."""

    task: str
    population: int
    generations: int
    seed: int
    tournament: int = 8
    enabled: float = 0.5
    repetitions: int = 3
    published: bool = False
    n_starts: int = 100
    n_random: int = 50

    def rows(self) -> Rows:
        """The champion, its scores, and the course of the search."""
        task = parse_search_task(self.task)
        plan = SearchPlan(
            population=self.population,
            generations=self.generations,
            repetitions=self.repetitions,
            initially_enabled=self.enabled,
            selection=Selection(tournament=self.tournament),
            published=self.published,
        )
        found = wann(task, plan, rng=self.seed)
        champion = found.champion
        about = {
            "task": self.task,
            "population": self.population,
            "generations": self.generations,
            "published": self.published,
            "seed": self.seed,
        }
        row = {
            "units": champion.topology.n_units,
            "edges": champion.topology.n_edges,
            "generation": champion.generation,
            "mean": champion.mean,
        }
        if isinstance(task, SampleTask):
            tested = task.tested(champion.topology, np.array(plan.weights))
            assert tested.accuracies is not None
            best = int(champion.rewards.argmax())
            row |= {
                "accuracy_mean": tested.accuracies.mean(),
                "accuracy_best": tested.accuracies[best],  # of the weight best in training
            }
        else:
            for score in scores(
                champion.topology, self.n_starts, self.n_random, 81, self.seed + 1_000_000
            ):
                row[score["weights"]] = score["mean"]
        history = found.table().iloc[::EVERY].reset_index()
        return {
            "searches": [{**about, **row}],
            "generations": [{**about, **x} for x in history.to_dict("records")],
        }
