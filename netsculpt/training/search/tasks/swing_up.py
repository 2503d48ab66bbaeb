"""Swing up a pole that hangs from a cart, and keep it upright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.parallel import in_threads
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.engine.population import packed
from netsculpt.training.search.tasks.fits import check_fits
from netsculpt.training.search.tasks.protocol import Tested
from netsculpt.training.search.topology import Topology

__all__ = ["SwingUp", "drawn_starts"]

_SPREAD = 0.2  # standard deviation of each number of a start
_HANGING = (0.0, 0.0, np.pi, 0.0)  # position, velocity, angle, angular velocity
_BLOCK = 4  # topologies that a thread takes at a time


@dataclass(frozen=True)
class SwingUp:
    """A pole hangs from a cart of the same mass; a net pushes the cart for ten seconds.

    The net is shown position x, velocity, cosine and sine of the angle θ and angular velocity, and
    pushes with its output, clipped to ±1, times 10 N, 100 times a second. The reward of a step,
    (cos θ + 1)/2 · cos(πx/4.8), is 1 for the upright pole in the middle of the track; the roll-out
    ends where the track does, at 2.4 m. A start is normal around the pole at rest.

    Source: Gaier and Ha 2019, arXiv:1906.04358, after Deisenroth and Rasmussen 2011 (PILCO) in the
    form of the authors' ``cartpole_swingup``; the network that they published gets the reward that
    they state.
    """

    n_steps: int = 1000

    name: ClassVar[str] = "swing-up"
    n_inputs: ClassVar[int] = 5
    n_outputs: ClassVar[int] = 1
    activations: ClassVar[tuple[str, ...]] = WANN_ACTIVATIONS[:10]
    output_activation: ClassVar[str] = "tanh"
    fixed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked_whole(self.n_steps, "n_steps", least=1)

    @property
    def about(self) -> dict[str, Any]:
        """Name and number of steps."""
        return {"name": self.name, "n_steps": self.n_steps}

    def rewards(
        self,
        topologies: Sequence[Topology],
        weights: NDArray[np.float64],
        *,
        repetitions: int,
        rng: np.random.Generator,
        threads: int = 1,
    ) -> NDArray[np.float64]:
        """Total reward of each network with each shared weight [P, W], mean of the repetitions."""
        starts = drawn_starts(repetitions, rng)
        totals = self.totals(topologies, weights, starts, threads=threads)
        rewards: NDArray[np.float64] = totals.mean(axis=-1)
        return rewards

    def tested(
        self,
        topology: Topology,
        weights: ArrayLike,
        *,
        n_starts: int = 100,
        rng: RNG = 0,
        threads: int = 1,
    ) -> Tested:
        """Total rewards of one network with weights [W], shared by all edges, or [W, E].

        By default every test has the same starts.
        """
        starts = drawn_starts(n_starts, stream(root_seed(rng), "starts"))
        if np.ndim(weights) == 1:
            totals = self.totals([topology], weights, starts, threads=threads)[0]
        else:
            totals = self.individual_totals(topology, weights, starts)
        return Tested(totals.mean(axis=-1), totals.std(axis=-1))

    def totals(
        self,
        topologies: Sequence[Topology],
        weights: ArrayLike,
        starts: ArrayLike,
        *,
        threads: int = 1,
    ) -> NDArray[np.float64]:
        """Total reward of each roll-out [P, W, R] from starts [R, 4]: x, ẋ, θ, θ̇."""
        from netsculpt.training.search.tasks._swing_up import shared_totals

        check_fits(self, topologies)
        population, begins = packed(topologies), _starts(starts)
        values = np.ascontiguousarray(weights, np.float32)

        def run(begin: int) -> NDArray[np.float64]:
            n = min(_BLOCK, population.size - begin)
            found = np.empty((n, values.size * len(begins)))
            shared_totals(
                population.unit_starts,
                population.edge_starts,
                population.indptr,
                population.sources,
                population.activations,
                population.most_units,
                population.n_inputs,
                values,
                begins,
                self.n_steps,
                begin,
                found,
            )
            return found

        parts = [*in_threads(run, range(0, population.size, _BLOCK), threads)]
        return np.concatenate(parts).reshape(population.size, values.size, len(begins))

    def individual_totals(
        self, topology: Topology, weights: ArrayLike, starts: ArrayLike
    ) -> NDArray[np.float64]:
        """Total reward of each roll-out [W, R] of one topology with weights [W, E]."""
        from netsculpt.training.search.tasks._swing_up import weighted_totals

        check_fits(self, [topology])
        population, begins = packed([topology]), _starts(starts)
        values = np.ascontiguousarray(weights, np.float32)
        if values.ndim != 2 or values.shape[1] != topology.n_edges:
            raise GraphError(
                f"weights are {list(values.shape)}: [sets of weights, {topology.n_edges} edges] "
                "are needed"
            )
        found = np.empty((len(values), len(begins)))
        weighted_totals(
            population.indptr,
            population.sources,
            population.activations,
            population.n_inputs,
            values,
            begins,
            self.n_steps,
            found,
        )
        return found


def drawn_starts(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw n starts [n, 4]: position, velocity, angle and angular velocity."""
    return np.array(_HANGING) + _SPREAD * rng.standard_normal((n, 4))


def _starts(given: ArrayLike) -> NDArray[np.float64]:
    starts = np.ascontiguousarray(given, np.float64)
    if starts.ndim != 2 or starts.shape[1] != len(_HANGING) or not len(starts):
        raise GraphError(
            f"starts are {list(starts.shape)}: [n, 4] are needed, position, velocity, angle and "
            "angular velocity"
        )
    return starts
