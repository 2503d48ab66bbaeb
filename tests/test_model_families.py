"""Families of models: enough of them, pruned but alive, and an oracle that sees a wrong graph."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

ANALYSES = Path(__file__).parents[1] / "analyses"
sys.path.insert(0, str(ANALYSES))

from families import reach as oracle  # noqa: E402
from families.model import Model, ids, net_of, numbers  # noqa: E402
from families.reach import Reach, reach  # noqa: E402
from model_families import KIND_OF, QUICK, Cell, measure, model_of, study  # noqa: E402

from netsculpt.tracing import fidelity, trace  # noqa: E402


def test_there_are_many_families_and_each_says_where_it_is_from():
    assert len(KIND_OF) >= 60
    with pytest.raises(ValueError, match="no family is called nothing"):
        study(replace(QUICK, families=("nothing",)))


def test_nets_are_the_same_for_the_same_seed():
    one, two, other = (model_of("ViT", seed).net.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_pairs_by_hand():
    net = nn.Linear(3, 2, bias=False)
    net.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])
    assert reach(Model(net, (numbers(1, 3),)), "channel", n_points=1, seed=0) == Reach(6, 3, 0, 0)
    flat = net_of(lambda self, x: self.line(x) * 0 + self.line(x)[:, :1], line=net)
    counted = reach(Model(flat, (numbers(1, 3),)), "channel", n_points=1, seed=0)
    assert counted.n_missing == 0


def test_a_token_reaches_what_its_vector_reaches():
    table = nn.Embedding(3, 2)
    table.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for n in (1, 2):
        model = Model(net_of(lambda self, x: self.table(x), table=table), (ids(3, 1, n),))
        assert reach(model, "channel", n_points=1, seed=0) == Reach(6, 4, 0, 0)


def test_a_missing_path_is_seen():
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    model = Model(net, (numbers(1, 4),))
    with mock.patch.object(oracle, "_paths", lambda graph, x: np.zeros((4, graph.n_units), bool)):
        assert reach(model, "channel", n_points=1, seed=0).n_missing == 8


@pytest.mark.slow
@pytest.mark.parametrize("family", ["MLP", "LSTM tagger", "Mixtral", "NCF"])
def test_families_whose_channels_are_exact(family):
    row = measure(Cell(family, "channel", 3, 10**6, 0))["traces"][0]
    assert (row["verdict"], row["n_missing"]) == ("exact", 0)
    assert 0 < row["n_paths"] <= row["n_pairs"]


def test_what_is_refused_says_why():
    row = measure(Cell("DeepFM", "channel", 1, 10**6, 0))["traces"][0]
    assert row["verdict"] == "refused"
    assert "computed with" in row["message"]


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 3)])
def test_fidelity_draws_tokens_of_any_shape(shape):
    table = nn.Embedding(5, 4)
    net = net_of(lambda self, x, y: self.table(x) * self.table(y), table=table)
    example = (ids(5, *shape), ids(5, *shape))
    assert fidelity(net, trace(net, example), example, rng=0).max_error < 1e-6


@pytest.mark.slow
def test_the_quick_study_runs(tmp_path):
    families = ("MLP", "ResNet-18", "DeepFM")
    assert set(families) < set(QUICK.families)
    config = replace(QUICK, families=families, granularities=("channel",), n_points=1)
    results = study(config).run(tmp_path)
    assert results.n_done == 3
    table = results.tables["families"].set_index("family")
    assert table.loc["ResNet-18", "channel"] == "exact"
    assert (tmp_path / "families.md").is_file()
