"""The study of sculpted convolutional nets: what is measured on nets whose structure is known."""

from __future__ import annotations

import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from sculpt_any import QUICK, TASKS, study
from sculpt_any_runs.digit_lesions import digit_lesions
from sculpt_any_runs.structure import BOTH, chances, images_read, structure

from netsculpt import NetGraph, Partition, trace
from netsculpt.nets.families import CNN, initial_net
from netsculpt.nets.masks import mask_net
from netsculpt.training.influence.intervening import intervenable
from netsculpt.training.tasks import Task, digits, separate_digits

CHANNELS, OF_LEFT = 8, 4  # the first channels read the left image, and feed the left digit


def apart(*, crossing: bool = False) -> tuple[torch.nn.Module, NetGraph]:
    """A net whose halves do not meet, or meet in one kernel."""
    spec = CNN((2, 8, 8), (CHANNELS,), (), 20)
    net = initial_net(spec, rng=0).eval()
    side = torch.arange(CHANNELS) >= OF_LEFT
    kernels = side[:, None] == torch.tensor([False, True])
    kernels[0, 1] |= crossing
    positions = side.repeat_interleave(16)
    outputs = (torch.arange(20) >= 10)[:, None] == positions
    masks = {"conv1.weight": kernels[..., None, None].expand(-1, -1, 3, 3), "fc1.weight": outputs}
    mask_net(net, masks)
    return net, trace(net, torch.zeros(1, 128))


def pairs() -> Task:
    return separate_digits(digits(), 60, rng=0)


def by_digit(graph: NetGraph) -> Partition:
    side = [0, 1, *[0] * OF_LEFT, *[1] * (CHANNELS - OF_LEFT), *[0] * 10, *[1] * 10]
    assert graph.n_units == len(side)
    return Partition(side)


@pytest.mark.parametrize("crossing", [False, True])
def test_images_that_units_read(crossing: bool) -> None:
    """By networkx: the inputs among a unit's ancestors."""
    _, graph = apart(crossing=crossing)
    edges = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    whole = nx.DiGraph(list(edges))
    read = images_read(graph)
    for unit in range(2, graph.n_units):
        ancestors = nx.ancestors(whole, unit)
        assert read[unit] == (0 in ancestors) + 2 * (1 in ancestors)
    assert (BOTH in read.tolist()) == crossing


def test_two_halves_are_found_and_are_not_chance() -> None:
    truth = pairs().truth
    assert truth is not None
    for crossing in (False, True):
        _, graph = apart(crossing=crossing)
        found = structure(graph, by_digit(graph), truth)
        assert found.agreement == 1
        assert found.pure == (1 if not crossing else 1 - 1 / CHANNELS)
        assert found.quality == pytest.approx(0.5, abs=0.05)
    p = chances(graph, truth, found, 19, seed=0)
    assert p.agreement == p.quality == 1 / 20


def test_the_lesion_of_a_half_hurts_its_digit_only() -> None:
    net, graph = apart()
    able = intervenable(net, graph=graph, example=torch.zeros(1, 128))
    left, right = digit_lesions(able, by_digit(graph), pairs(), n_random=9, seed=0)
    assert left.n_units == OF_LEFT
    assert right.n_units == CHANNELS - OF_LEFT
    assert left.drop_of_other == right.drop_of_other == 0
    together = Partition(np.zeros(graph.n_units, np.int32))
    assert digit_lesions(able, together, pairs(), n_random=9, seed=0) == []


@pytest.mark.slow
def test_files_and_columns(tmp_path: Path) -> None:
    found = study(QUICK).run(tmp_path)
    summary = pd.DataFrame(found.tables["summary"])
    assert summary["task"].drop_duplicates().tolist() == list(TASKS)
    assert (summary["nets"] == 1).all()
    kept = summary.pivot_table(index="task", columns="method", values="edges")
    assert (kept["pruned"] == kept["sculpted"]).all()
    assert (kept["sculpted"] < kept["dense"]).all()
