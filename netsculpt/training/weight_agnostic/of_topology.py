"""The weight profile of a network whose units apply functions of many kinds."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.search.engine import individual_outputs
from netsculpt.training.search.tasks import SampleTask, SwingUp, check_fits
from netsculpt.training.search.topology import Topology
from netsculpt.training.weight_agnostic.measuring import Z, measured_profile, middle
from netsculpt.training.weight_agnostic.result import Estimate, Rule, WeightProfile, checked_grid

__all__ = ["topology_profile"]

Edges = NDArray[np.float64]  # [E] weights

_SPREAD = 3**0.5  # uniform numbers up to it have standard deviation 1
_EPISODES = 100


def topology_profile(
    topology: Topology,
    task: SampleTask | SwingUp,
    *,
    own: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_draws: int = 20,
    rng: RNG = None,
) -> WeightProfile:
    """Measure a network whose edges get few weights, as `weight_profile` does with any net.

    Parameters
    ----------
    topology
        The pattern, with the activation of each unit.
    task
        Samples: accuracy and loss on the held-out ones. Swing-up: mean reward of 100 episodes, the
        same for all weights.
    own
        Its weights [E], for the rule "signed", and as a comparison. None: all are positive, and
        there is no such rule, which would be "shared" once more.
    weights, n_draws, rng
        As for `weight_profile`.

    Raises
    ------
    GraphError
        If the network does not fit the task, or its weights do not fit the network.

    Examples
    --------
    >>> from netsculpt.training.tasks import boolean
    >>> from netsculpt.training.search.tasks import boolean_search
    >>> both = Topology(3, 1, np.array([0, 0, 0, 0, 2]), np.array([1, 2]), np.zeros(4, np.int8))
    >>> task = boolean_search(boolean("f = a & b"))
    >>> topology_profile(both, task, weights=[-1, 1], n_draws=1).scores[0].tolist()
    [0.5, 1.0]
    """
    checked_whole(n_draws, "n_draws", least=1)
    check_fits(task, [topology])
    grid, seed = checked_grid(weights), root_seed(rng)
    values = np.ones(topology.n_edges) if own is None else np.asarray(own, np.float64)
    if values.shape != (topology.n_edges,):
        raise GraphError(
            f"weights are {list(values.shape)}: one per edge is needed, [{topology.n_edges}]"
        )
    directions = _directions(topology, values, n_draws, seed)
    if own is None:
        del directions["signed"]
    known = {} if own is None else {"as it is": values}
    if isinstance(task, SwingUp):
        return _of_rewards(topology, task, directions, known, grid, seed)
    samples = task.task.validation
    inputs = task.inputs_of(samples)

    def logits(edges: Edges, weight: float = 1.0) -> torch.Tensor:
        found = individual_outputs(topology, inputs, weight * edges[None])[0]
        return torch.from_numpy(np.ascontiguousarray(found))

    own_logits = {name: logits(edges) for name, edges in known.items()}
    return measured_profile(logits, directions, own_logits, grid, samples)


def _directions(topology: Topology, own: Edges, n_draws: int, seed: int) -> dict[Rule, list[Edges]]:
    """Weights [E] at w = 1 by each rule."""
    fan_in = np.diff(topology.indptr)
    signed = np.sign(own)
    streams = (stream(seed, "random weights", draw) for draw in range(n_draws))
    return {
        "shared": [np.ones_like(own)],
        "signed": [signed],
        "scaled": [signed / np.sqrt(np.repeat(fan_in, fan_in))],
        "random": [x.uniform(-_SPREAD, _SPREAD, own.shape) for x in streams],
    }


def _of_rewards(
    topology: Topology,
    task: SwingUp,
    directions: dict[Rule, list[Edges]],
    own: dict[str, Edges],
    grid: NDArray[np.float64],
    seed: int,
) -> WeightProfile:
    def rewards(edges: Edges) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean rewards [k] for weights [k, E], and half of their intervals."""
        tested = task.tested(topology, edges, n_starts=_EPISODES, rng=stream(seed, "episodes"))
        assert tested.spreads is not None  # there are several episodes
        return tested.rewards, Z * tested.spreads / np.sqrt(_EPISODES)

    scores, intervals = [], []
    for draws in directions.values():
        each = [rewards(grid[:, None] * edges) for edges in draws]
        means, half = each[0]
        scores.append(np.mean([x for x, _ in each], axis=0))
        intervals.append(
            middle(np.array([x for x, _ in each]))
            if len(each) > 1
            else np.stack([means - half, means + half], axis=1)
        )
    estimates = {}
    for name, edges in own.items():
        mean, reach = (float(x[0]) for x in rewards(edges[None]))
        estimates[name] = Estimate(mean, mean - reach, mean + reach)
    return WeightProfile(
        "reward",
        tuple(directions),
        grid,
        np.array(scores),
        np.array(intervals),
        None,
        None,
        {},
        estimates,
        None,
        _EPISODES,
        len(directions["random"]),
    )
