"""Topologies for tests: random ones, and the network published for the swing-up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.topology import Topology


def topology(n_inputs: int, n_outputs: int, fed: list[tuple[str, list[int]]]) -> Topology:
    """A topology from the activation and the sources of each unit after the inputs."""
    sizes = [0] * n_inputs + [len(sources) for _, sources in fed]
    kinds = ["identity"] * n_inputs + [name for name, _ in fed]
    return Topology(
        n_inputs,
        n_outputs,
        np.append(0, np.cumsum(sizes)).astype("int32"),
        np.array([source for _, sources in fed for source in sources], "int32"),
        np.array([WANN_ACTIVATIONS.index(name) for name in kinds], "int8"),
    )


def random_topology(
    rng: np.random.Generator,
    n_inputs: int = 4,
    n_hidden: int = 12,
    n_outputs: int = 2,
    density: float = 0.3,
) -> Topology:
    """Random edges to later units, none out of outputs; some units may be fed by none."""
    n_sources = n_inputs + n_hidden
    fed = []
    for unit in range(n_inputs, n_sources + n_outputs):
        before = min(unit, n_sources)
        kind = WANN_ACTIVATIONS[rng.integers(len(WANN_ACTIVATIONS) - 1)]  # squares explode
        fed.append((kind, np.flatnonzero(rng.random(before) < density).tolist()))
    return topology(n_inputs, n_outputs, fed)


PUBLISHED = """
6 negative: 1 -0.0303, 2 -0.857
7 negative: 1 1.5435
8 tanh: 3 -0.3872
9 identity: 4 -0.2857
10 tanh: 0 -0.1783, 3 0.2639
11 tanh: 2 1.024
12 gaussian: 1 1.8088, 4 0.3797, 5 1.3008, 10 -0.6301, 11 0.8013
13 identity: 12 -1.1348
14 negative: 12 -0.7306
15 sin: 12 0.006
16 relu: 12 1.4754
17 identity: 13 -0.5483
18 sin: 13 2.6779
19 negative: 12 1.1144, 14 0.1183
20 relu: 12 -1.5251, 16 -0.3119
21 tanh: 3 -1.138, 13 -1.2728, 18 0.2662
22 gaussian: 20 0.3441
23 sin: 19 0.7156, 20 -0.1147
24 relu: 13 0.4593, 17 -1.0469, 20 -0.0553, 21 -3.2276, 22 2.5201
25 negative: 8 7.1232, 12 -1.277, 19 0.0328, 23 1.7362
26 identity: 4 -0.199, 12 1.0933, 13 -0.2608, 15 -2.1036, 20 -0.4123, 24 -2.9654
27 negative: 24 0.9641
28 identity: 6 -1.4126, 7 -1.3841, 9 -1.5903, 12 0.1666, 25 -1.7355, 26 -0.1573, 27 2.9135
"""  # unit, activation: source and weight of each edge (Gaier and Ha 2019, arXiv:1906.04358:
# champions/swing.out and zoo/cartpole_swingup.wann.json of google/brain-tokyo-workshop, Apache-2.0)


def published_swing_up() -> tuple[Topology, NDArray[np.float64]]:
    """The network that the authors published for the swing-up, and the weights tuned for it [E]."""
    fed, weights = [], []
    for line in PUBLISHED.strip().splitlines():
        unit, edges = line.split(": ")
        pairs = [edge.split() for edge in edges.split(", ")]
        fed.append((unit.split()[1], [int(source) for source, _ in pairs]))
        weights.extend(float(weight) - 1.5 for _, weight in pairs)  # the file's weight_bias
    return topology(6, 1, fed), np.array(weights)
