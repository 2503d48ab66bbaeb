"""``netsculpt export`` with modules."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from typer.testing import CliRunner

import netsculpt
from netsculpt.cli import app


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    planted, _ = netsculpt.planted([6, 6, 4], 2, 0.9, 0.1, rng=0)
    netsculpt.save(planted, tmp_path / "graph.npz")
    return tmp_path / "graph.npz"


@pytest.mark.parametrize("ending", ["gexf", "graphml"])
def test_files_have_the_modules_of_a_detector(graph: Path, ending: str) -> None:
    out = graph.with_suffix(f".{ending}")
    done = CliRunner().invoke(app, ["export", str(graph), "--detector", "layered", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "modules of layered" in done.output
    other = nx.read_graphml(out) if ending == "graphml" else nx.read_gexf(out, version="1.3")
    found = [module for _, module in other.nodes(data="module")]
    expected = netsculpt.modules.layered(netsculpt.load(graph).balanced, rng=0).labels
    assert len({*zip(found, expected.tolist(), strict=True)}) == np.unique(expected).size


def test_files_without_modules_refuse_a_detector(graph: Path) -> None:
    out = graph.with_name("copy.npz")
    done = CliRunner().invoke(app, ["export", str(graph), "--detector", "mdl", "-o", str(out)])
    assert done.exit_code == 2
    assert ".npz holds no modules" in done.output
    assert not out.exists()
