"""``netsculpt circuit``: report, JSON, folder, graph, refusals; first weights of ``train``."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from commands import cli

from netsculpt import load, plots
from netsculpt.cli.circuit import ABLATIONS
from netsculpt.cli.nets import NewNet, start_net
from netsculpt.files.model import write_model
from netsculpt.nets import mask_net, plain_state
from netsculpt.nets.families import MLP, SparseGPT, initial_net
from netsculpt.training import influence, reinitialised, task
from netsculpt.training.influence.circuits import circuit, scores
from netsculpt.training.pruning.baselines import with_shuffled_weights

SPEC = SparseGPT(16, 16, width=8, layers=1, heads=2, mlp_width=10, tied=False)
ARGUMENTS = ("--task", "copying", "--loss", "0.694", "--random", "2", "--samples", "64")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("circuit") / "net.pt"
    net = initial_net(SPEC, rng=0)
    state, masks = plain_state(net)
    write_model(path, net=SPEC.spec, state=state, masks=masks, metadata={})
    return path


@pytest.fixture(scope="module")
def folder(model: Path) -> Path:
    found = model.parent / "out"
    options = ("--method", "path_share", "-o", found, "--figures", "png")
    run = cli("circuit", model, *ARGUMENTS, *options)
    assert run.returncode == 0, run.stderr
    assert "cut by path_share with ablation by mean" in run.stdout
    assert "shuffled weights" in run.stdout
    return found


def test_folder(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert names >= {
        *("summary.json", "ablations.csv", "places.csv", "channels.csv", "graph.npz"),
        *("figures/circuit.png", "manifest.json"),
    }
    summary = json.loads((folder / "summary.json").read_text())
    channels = pd.read_csv(folder / "channels.csv")
    assert len(channels) == summary["n_nodes_of_net"] == 8 * 7 + 10
    assert channels["kept"].sum() == summary["n_nodes"]
    assert pd.read_csv(folder / "places.csv")["kept"].sum() == summary["n_nodes"]
    assert pd.read_csv(folder / "ablations.csv")["ablation"].tolist() == list(ABLATIONS)
    assert summary["control"]["cut_by"] == "path_share"


def test_the_manifest_says_what_was_run(folder: Path, model: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    asked = {"ablation": "mean", "loss": 0.694, "samples": 64, "random": 2, "method": "path_share"}
    assert manifest["arguments"].items() >= asked.items()
    assert manifest["inputs"] == [f"sha256:{sha256(model.read_bytes()).hexdigest()}"]


@pytest.mark.slow
def test_its_graph_is_analysed(folder: Path) -> None:
    graph = load(folder / "graph.npz")
    assert "circuit" in [x.function for x in graph.provenance]
    options = ("--nulls", "0", "--stability-seeds", "0", "--json")
    run = cli("analyze", folder / "graph.npz", *options)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["graph"]["n_edges"] == graph.n_edges


def test_json_is_the_summary(model: Path, folder: Path) -> None:
    run = cli("circuit", model, *ARGUMENTS, "--method", "path_share", "--json")
    assert json.loads(run.stdout) == json.loads((folder / "summary.json").read_text())


def test_a_loss_that_is_not_reached_is_said(model: Path) -> None:
    options = ("--method", "random", "--loss", "0.01", "--samples", "32", "--random", "0")
    run = cli("circuit", model, "--task", "copying", *options)
    assert run.returncode == 0
    assert "Ask for a larger --loss" in " ".join(run.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "a task is needed"),
        (("--task", "copying", "--method", "path-share"), "one of learned, path_share, random"),
        (("--task", "copying", "--method", "random", "--epochs", "2"), "random learns nothing"),
        (("--task", "copying", "--ablation", "median"), "one of zero, mean, resample"),
        (("--task", "digits"), "they must be equal"),
    ],
)
def test_refusals(model: Path, arguments: tuple[str, ...], said: str) -> None:
    run = cli("circuit", model, *arguments)
    assert run.returncode == 2
    assert said in " ".join(run.stderr.replace("│", " ").split())


def test_a_net_of_another_family_is_refused(tmp_path: Path) -> None:
    spec = MLP((16, 16))
    state, masks = plain_state(initial_net(spec, rng=0))
    path = tmp_path / "mlp.pt"
    write_model(path, net=spec.spec, state=state, masks=masks, metadata={})
    run = cli("circuit", path, "--task", "copying")
    assert run.returncode != 0
    assert "family sparse_gpt" in " ".join(run.stderr.split())


def test_figures_are_drawn() -> None:
    net, samples = initial_net(SPEC, rng=0), task("copying", rng=0)
    found = circuit(net, samples, score=scores.random, loss=0.7, n_samples=32, n_random=2, rng=0)
    ax = plots.circuit_places(found)
    bars: Any = ax.patches
    assert [bar.get_width() for bar in bars] == found.places()["kept"].tolist()
    ax = plots.circuit_ablations(found)
    drawn: dict[str, Any] = {str(line.get_label()): line.get_ydata() for line in ax.lines}
    assert list(drawn["circuit"]) == list(found.accuracy.values())
    assert len(drawn["random channels"]) == 2 * len(ABLATIONS)
    assert set(ABLATIONS) == set(influence.circuits.ABLATIONS)


def test_own_weights_are_those_that_the_family_draws() -> None:
    begun = start_net(NewNet(net="sparse_gpt:16:16:8:1:2", init="own"), 5)
    expected = initial_net(begun.spec, rng=5).state_dict()
    assert all(torch.equal(x, expected[name]) for name, x in begun.net.state_dict().items())


def test_a_family_draws_again_as_it_draws_first() -> None:
    again = reinitialised(initial_net(SPEC, rng=0), rng=3).state_dict()
    first = initial_net(SPEC, rng=3).state_dict()
    assert again["transformer.wte.weight"].std() < 0.03  # not that of torch, which is 1
    assert not again["transformer.h.0.mlp.c_fc.bias"].any()
    assert again.keys() == first.keys()


def test_shuffled_weights_stay_in_their_places() -> None:
    net = initial_net(SPEC, rng=0)
    mask_net(net, {"lm_head.weight": torch.arange(128).reshape(16, 8) % 3 == 0})
    before = {name: x.clone() for name, x in net.state_dict().items()}
    after = with_shuffled_weights(net, rng=1).state_dict()
    for name, x in before.items():
        assert torch.equal(x.flatten().sort().values, after[name].flatten().sort().values)
        assert torch.equal(x, net.state_dict()[name])
    mask = before["lm_head.weight_mask"]
    assert not after["lm_head.weight"][~mask].any()
    assert not torch.equal(after["lm_head.weight"], before["lm_head.weight"])
