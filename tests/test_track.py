"""One network over time: its numbers, modules that keep their numbers, checkpoints of a loop."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from torch import nn
from torch.nn.utils import prune

import netsculpt
from netsculpt import Partition, plots
from netsculpt.core.catalog import names
from netsculpt.core.errors import FolderError, FormatError, GraphError, TopologyError
from netsculpt.core.forms import FORMS
from netsculpt.files.model import write_model
from netsculpt.graph.streams import stream_labels, without_stream_edges
from netsculpt.modules import compare, quality
from netsculpt.nets import MLP, initial_net, plain_state
from netsculpt.nets.masks import mask_net
from netsculpt.training import SCULPTING, Sculpting, dynamic, sculpt, task
from netsculpt.training.dynamic.record import Recorder as MaskRecorder
from netsculpt.training.track import Recorder, Track, carried, follow, graphs_of, sculpting_rounds
from netsculpt.training.track.reading import numbered

QUICK = ("--nulls", 0)


def thinned(graph: netsculpt.NetGraph, share: float, seed: int) -> netsculpt.NetGraph:
    """The network without some of its edges."""
    generator = np.random.default_rng(seed)
    weights = graph.weights.copy().tocoo()
    keep = generator.random(weights.nnz) > share
    matrix = type(graph.weights)(
        (weights.data[keep], (weights.row[keep], weights.col[keep])), weights.shape
    )
    return netsculpt.NetGraph(matrix, None, graph.layers, graph.blocks)


def signed(graph: netsculpt.NetGraph) -> netsculpt.NetGraph:
    """The network with signs, and with sizes that differ."""
    drawn = np.random.default_rng(7).normal(size=graph.n_edges)
    return graph.with_weights(drawn)


@pytest.fixture(scope="module")
def graphs() -> list[tuple[int, netsculpt.NetGraph]]:
    """A network that loses edges and, at last, its dead units."""
    graph, _ = netsculpt.planted([12, 14, 12, 8], 3, 0.7, 0.1, rng=1)
    sparse = thinned(graph, 0.3, 0)
    sparser = thinned(sparse, 0.5, 1)
    return [(0, graph), (5, sparse), (9, sparser), (20, sparser.live())]


@pytest.fixture(scope="module")
def track(graphs: list[tuple[int, netsculpt.NetGraph]]) -> Track:
    return follow(graphs, n_nulls=4, rng=0)


class Residual(nn.Module):
    """Two residual steps of six channels."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.last = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.one(x).relu()
        x = x + self.other(x).relu()
        last: torch.Tensor = self.last(x)
        return last


# --- numbers that are carried on ---


@pytest.mark.parametrize("seed", range(5))
def test_modules_keep_numbers_by_the_best_of_all_matchings(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = [Partition(generator.integers(-1, 4, 30)).labels for _ in range(4)]
    result = carried(rows)
    used = 0
    for index, row in enumerate(rows):
        for label in range(-1, row.max() + 1):  # the same modules, under other numbers
            assert len({*result[index, row == label].tolist()}) == 1
        assert ((result[index] < 0) == (row < 0)).all()
        if index:
            before = result[index - 1]
            old, new = (sorted(set(x[x >= 0].tolist())) for x in (before, row))

            def overlap(a: int, b: int, x: np.ndarray = before, y: np.ndarray = row) -> float:
                return float(((x == a) & (y == b)).sum() / ((x == a) | (y == b)).sum())

            n = max(len(old), len(new))
            padded = [*old, *[None] * (n - len(old))]
            best = max(
                sum(overlap(a, b) for a, b in zip(order, new, strict=False) if a is not None)
                for order in permutations(padded)
            )
            number = {label: int(result[index][row == label][0]) for label in new}
            kept = {label: name for label, name in number.items() if name in old}
            assert sum(overlap(name, label) for label, name in kept.items()) == pytest.approx(best)
            fresh = sorted(set(number.values()) - set(old))
            assert fresh == list(range(used, used + len(fresh)))
        used = max(used, int(result[: index + 1].max()) + 1)


def test_order_of_labels_does_not_matter() -> None:
    one = [[0, 0, 1, 1, 2], [0, 1, 1, 1, 2]]
    other = [[0, 0, 1, 1, 2], [2, 0, 0, 0, 1]]
    assert carried(one).tolist() == carried(other).tolist()
    with pytest.raises(GraphError, match="the same units"):
        carried([[0, 1], [0]])


# --- following ---


def test_a_track_is_what_each_step_says_alone(
    graphs: list[tuple[int, netsculpt.NetGraph]], track: Track
) -> None:
    assert track.steps == (0, 5, 9, 20)
    for point, (_, graph), found in zip(track.points, graphs, track.partitions, strict=True):
        live = netsculpt.paths.effective(graph)
        hidden = np.isin(graph.layer_of, [1, 2])
        assert point.density == graph.density
        assert point.live_hidden == pytest.approx(live.units[hidden].mean())
        assert point.log10_paths == netsculpt.paths.log10_path_total(graph.pattern)
        assert point.quality == pytest.approx(netsculpt.modules.quality(graph.balanced, found))
        assert point.n_modules == found.n_modules
        assert point.n_numbered == np.count_nonzero(found.sizes > 1)
        assert 1 / 5 <= point.p <= 1
    assert track.points[-1].live_hidden == 1
    assert track.points[2].live_hidden < 1
    layers = track.layers()
    wanted = graphs[1][1].block(*[layer.name for layer in graphs[1][1].layers[:2]])
    row = layers[(layers["step"] == 5) & (layers["layer"] == graphs[1][1].layers[1].name)]
    assert row["density_in"].item() == wanted.nnz / (wanted.shape[0] * wanted.shape[1])
    assert len(layers) == 16


def test_agreement_is_of_units_at_the_same_place(track: Track) -> None:
    first, second, third, last = track.partitions
    assert track.points[1].ami_before == pytest.approx(compare(first, second).ami)
    assert track.points[0].ami_last <= 1
    live = track.labels[2] >= 0
    assert last.labels.size < third.labels.size
    same = track.labels[3][live] >= 0
    assert same.all()  # dead units have no module, live ones are found under the same name
    assert track.points[3].ami_before > 0.9
    assert track.points[3].ami_last == 1
    assert len(track.units) == first.labels.size == track.labels.shape[1]
    assert np.isnan(track.points[0].ami_before)


def test_labels_are_the_partitions_under_lasting_numbers(track: Track) -> None:
    for row, found in zip(track.labels[:3], track.partitions, strict=False):
        shared = np.flatnonzero(found.sizes > 1)
        for label in shared.tolist():
            assert len(set(row[found.labels == label].tolist())) == 1
        assert (row >= 0).sum() == found.sizes[shared].sum()
    table = track.modules()
    assert table["step 9"].tolist() == track.labels[2].tolist()


def test_detectors_have_the_same_stream_at_every_step() -> None:
    graph, _ = netsculpt.planted([12, 12, 12], 2, 0.6, 0.2, rng=3)
    track = follow([(0, graph), (1, graph), (2, graph)], n_nulls=0, rng=5)
    assert {point.ami_before for point in track.points[1:]} == {1.0}
    assert np.isnan(track.points[0].z)
    json.dumps(track.summary(), allow_nan=False)


def test_steps_of_something_else_are_refused(
    graphs: list[tuple[int, netsculpt.NetGraph]],
) -> None:
    (_, graph), (_, other) = graphs[:2]
    with pytest.raises(GraphError, match="rise"):
        follow([(1, graph), (1, other)], n_nulls=0)
    with pytest.raises(GraphError, match="at least one"):
        follow([])
    with pytest.raises(GraphError, match="one network"):
        follow([(0, graph), (1, netsculpt.from_matrices([np.eye(3)]))], n_nulls=0)
    with pytest.raises(GraphError, match="balanced"):
        follow([(0, graph)], form="heavy")


# --- checkpoints ---


def test_a_recorder_writes_what_the_net_is(tmp_path: Path) -> None:
    net = initial_net(MLP((6, 8, 4)), rng=0)
    generator = torch.Generator().manual_seed(0)
    recorder = Recorder(net, tmp_path / "run", every=2)
    masks = []
    for _ in range(4):
        mask = {
            name: torch.rand(x.shape, generator=generator) < 0.5
            for name, x in net.named_parameters()
            if x.ndim == 2
        }
        mask_net(net, mask)
        recorder.step()
        masks.append(mask)
    found = dict(graphs_of(tmp_path / "run"))
    assert list(found) == [0, 2, 4]
    assert found[0].density == 1
    for step in (2, 4):
        kept = sum(int(x.sum()) for x in masks[step - 1].values())
        assert found[step].n_edges == kept
    weight = dict(net.named_parameters())["fc1.weight"].detach().numpy()
    block = found[4].block(*[layer.name for layer in found[4].layers[:2]]).toarray()
    np.testing.assert_array_equal(block, weight.T * masks[-1]["fc1.weight"].numpy().T)


def test_a_kept_weight_of_0_stays_an_edge(tmp_path: Path) -> None:
    net = initial_net(MLP((3, 4, 2)), rng=0)
    mask_net(net, {"fc1.weight": torch.ones(4, 3) > 0})
    with torch.no_grad():
        dict(net.named_parameters())["fc1.weight"][0, 0] = 0
    Recorder(net, tmp_path)
    ((_, graph),) = graphs_of(tmp_path)
    assert graph.n_edges == 12 + 8


def test_nets_without_masks_of_ours_and_nets_that_are_no_chain(tmp_path: Path) -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.second(x + torch.relu(self.first(x)))
            return result

    net = Residual()
    recorder = Recorder(net, tmp_path / "run")
    with torch.no_grad():
        net.first.weight[:, :2] = 0
    recorder.step()
    first, second = graphs_of(tmp_path / "run", net, torch.zeros(1, 4))
    assert first[1].n_edges - second[1].n_edges == 8
    assert (net.first.weight[:, :2] == 0).all()


def test_an_interrupted_training_goes_on_in_its_folder(tmp_path: Path) -> None:
    net = initial_net(MLP((3, 4, 2)), rng=0)
    recorder = Recorder(net, tmp_path)
    for _ in range(3):
        recorder.step()
    with pytest.raises(FolderError, match="done"):
        Recorder(net, tmp_path)
    again = Recorder(net, tmp_path, done=1)
    assert [step for step, _ in graphs_of(tmp_path)] == [0, 1]
    again.step()
    assert [step for step, _ in graphs_of(tmp_path)] == [0, 1, 2]
    with pytest.raises(FolderError, match="step 0"):
        Recorder(net, tmp_path / "other", done=2)
    with pytest.raises(FormatError, match="holds no step"):
        next(graphs_of(tmp_path / "other"))
    with pytest.raises(FormatError, match="is a file"):
        Recorder(net, tmp_path / "step-00000000.pt")


def test_steps_of_a_net_that_is_no_chain_ask_for_the_net(tmp_path: Path) -> None:
    torch.save({"q_proj.weight": torch.eye(4)}, tmp_path / "step-00000000.pt")
    with pytest.raises(TopologyError, match=r"graphs_of\(folder, net, example\)"):
        next(graphs_of(tmp_path))


def test_residual_channels_are_held_together_as_in_an_analysis() -> None:
    """Their wiring does not count in Q, and a channel is in one module."""
    torch.manual_seed(0)
    graph = netsculpt.trace(Residual(), torch.zeros(1, 6))
    track = follow([(0, graph)], n_nulls=2, rng=0)
    (point,), (partition,) = track.points, track.partitions
    streams = stream_labels(graph)
    assert (streams >= 0).any()
    for stream in np.unique(streams[streams >= 0]):
        assert len(set(partition.labels[streams == stream])) == 1
    read = without_stream_edges(graph.balanced)
    assert point.quality == pytest.approx(quality(read, partition))


def test_modules_of_one_unit_are_counted_but_have_no_lasting_number() -> None:
    graph = netsculpt.from_matrices([np.ones((4, 1)), np.eye(4), np.eye(4)])
    found = netsculpt.modules.layered(graph.pattern, rng=0)
    assert found.n_modules == 5  # four strands, and the input alone
    track = follow([(0, graph), (1, graph)], form="pattern", n_nulls=0, rng=0)
    assert [point.n_modules for point in track.points] == [5, 5]
    assert [point.n_numbered for point in track.points] == [4, 4]
    assert track.labels[:, 0].tolist() == [-1, -1]
    for row in track.labels:
        assert np.unique(row[row >= 0]).size == 4


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", names("detectors"))
def test_modules_are_those_of_an_analysis_with_the_same_seed(
    graphs: list[tuple[int, netsculpt.NetGraph]], name: str, form: str
) -> None:
    """Also of a network with dead units and signs, for detectors that read its own weights."""
    graph = signed(graphs[2][1])
    assert not netsculpt.paths.effective(graph).units.all()
    track = follow([graphs[0], (9, graph)], detector=name, form=form, n_nulls=3, rng=4)
    plan = netsculpt.AnalysisPlan(detectors=(name,), weights=(form,), n_nulls=3, n_seeds=0)
    found = netsculpt.analyze(graph, plan, rng=4).detected[0]
    assert track.partitions[-1].labels.tolist() == found.partition.labels.tolist()
    last = track.points[-1]
    assert (last.n_modules, last.quality) == (found.partition.n_modules, found.quality)
    if found.significance is not None:
        of_track, of_analysis = (
            [getattr(x, column) for column in ("delta", "z", "p")]
            for x in (last, found.significance)
        )
        np.testing.assert_array_equal(of_track, of_analysis)


@pytest.mark.parametrize("name", names("detectors"))
def test_modules_of_residual_nets_are_those_of_an_analysis(name: str) -> None:
    torch.manual_seed(1)
    graph = netsculpt.trace(Residual(), torch.zeros(1, 6))
    track = follow([(0, graph)], detector=name, n_nulls=0, rng=2)
    plan = netsculpt.AnalysisPlan(detectors=(name,), n_nulls=0, n_seeds=0)
    found = netsculpt.analyze(graph, plan, rng=2).detected[0]
    assert track.partitions[0].labels.tolist() == found.partition.labels.tolist()
    assert track.points[0].quality == found.quality


def test_a_step_without_a_path_has_no_modules() -> None:
    cut = netsculpt.from_matrices([np.diag([1.0, 0, 0]), np.diag([0, 1.0, 0])])
    whole = netsculpt.from_matrices([np.ones((3, 3)), np.eye(3)])
    track = follow([(0, whole), (1, cut)], n_nulls=2, rng=0)
    last = track.points[-1]
    assert (last.n_modules, last.n_numbered, last.quality) == (0, 0, 0)
    assert np.isnan([last.z, last.p, last.ami_rerun, last.ami_before]).all()
    json.dumps(track.summary(), allow_nan=False)


def test_steps_are_numbers_in_names_if_they_rise() -> None:
    assert numbered([Path("run2/epoch-1.pt"), Path("run2/epoch-30.pt")]) == [1, 30]
    assert numbered([Path("b7.pt"), Path("a3.pt")]) == [0, 1]
    assert numbered([Path("first.pt"), Path("second.pt")]) == [0, 1]


def test_sculpting_is_followed_round_by_round() -> None:
    spec = MLP((4, 8, 4))
    quick = replace(SCULPTING, epochs=30)
    options: dict[str, Any] = {
        "goal_accuracy": 0.7,
        "unit_gradients": (30.0,),
        "edge_gradients": (20.0,),
    }
    process = Sculpting(spec, task("input-separable"), quick, seeds=[0], **options)
    rounds = list(sculpting_rounds(process))
    whole = sculpt(spec, task("input-separable"), quick, seeds=[0], **options).replicas
    numbers = [number for number, _ in rounds]
    kept = [graph.n_edges for _, graph in rounds]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))
    assert len(kept) > 2
    assert all(a > b for a, b in pairwise(kept))
    assert kept[-1] == int(whole.n_kept()[0])
    track = follow(rounds, n_nulls=0, rng=0)
    assert track.points[-1].density == kept[-1] / 64
    two = Sculpting(spec, task("input-separable"), quick, seeds=[0, 1])
    with pytest.raises(FormatError, match="one of each"):
        next(sculpting_rounds(two))


# --- figures and command ---


def test_the_history_draws_every_module_and_every_flow(track: Track) -> None:
    ax = plots.module_history(track)
    n_bars = sum(len(set(row[row >= 0].tolist())) for row in track.labels)
    flows = [patch.get_gid() for patch in ax.patches if patch.get_gid()]
    wanted = {
        f"flow {place} {a} {b}"
        for place in range(3)
        for a, b in zip(track.labels[place], track.labels[place + 1], strict=True)
        if a >= 0 and b >= 0
    }
    assert set(flows) == wanted
    assert len(ax.patches) == n_bars + len(flows)
    assert [text.get_text() for text in ax.get_xticklabels()][-1] == "20"


def test_lines_are_the_table(track: Track) -> None:
    ax = plots.track_lines(track, ["quality", "delta"])
    assert [np.asarray(line.get_ydata()).tolist() for line in ax.lines] == [
        track.table()[name].tolist() for name in ("quality", "delta")
    ]
    counts = plots.track_lines(track, ["n_numbered"])
    assert all(tick == round(tick) for tick in counts.get_yticks())
    with pytest.raises(GraphError, match="columns are"):
        plots.track_lines(track, ["size"])
    with pytest.raises(GraphError, match="column is"):
        plots.track_layers(track, "size")


def test_the_command_follows_a_folder(tmp_path: Path) -> None:
    net = initial_net(MLP((6, 8, 4)), rng=0)
    recorder = Recorder(net, tmp_path / "run")
    for seed in range(11):
        keep = torch.rand(8, 6, generator=torch.Generator().manual_seed(seed)) < 0.6
        mask_net(net, {"fc1.weight": keep})
        recorder.step()
    out = tmp_path / "out"
    run = cli("track", tmp_path / "run", "-o", out, *QUICK, "--figures", "png", "--points", 4)
    assert run.returncode == 0, run.stderr
    with (out / "track.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["step"]) for row in table] == [0, 4, 7, 11]
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    drawn = {"figures/profile.png", "figures/modules.png"}
    tables = {"track.csv", "layers.csv", "modules.csv"}
    networks = {"report.html", "graph.npz", "steps.npz"}
    assert written == {*tables, *drawn, *networks, "summary.json", "manifest.json"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["arguments"].items() >= {"detector": "layered", "weights": "balanced"}.items()
    assert len(set(manifest["inputs"])) == 4, "files, which differ"
    files = sorted((tmp_path / "run").iterdir())[:2]
    again = json.loads(cli("track", *files, *QUICK, "--json").stdout)
    assert [point["step"] for point in again["points"]] == [0, 1]


@pytest.mark.slow
def test_the_command_follows_the_masks_of_a_sparse_training(tmp_path: Path) -> None:
    spec = MLP((16, 12, 4))
    net = initial_net(spec, rng=0)
    sparsifier = dynamic.set(net, density=0.3, end=4, every=1, fraction=0.5, rng=0)
    MaskRecorder(sparsifier, tmp_path / "x.record")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        net(torch.ones(2, 16)).sum().backward()
        sparsifier.step(optimizer)
    state, masks = plain_state(net)
    write_model(tmp_path / "m.pt", net=spec.spec, state=state, masks=masks)
    record = ("track", tmp_path / "x.record")
    run = cli(*record, "--net", tmp_path / "m.pt", *QUICK, "--json")
    assert run.returncode == 0, run.stderr
    points = json.loads(run.stdout)["points"]
    assert [point["step"] for point in points] == [0, 1, 2, 3, 4]
    assert points[-1]["density"] == pytest.approx(0.3, abs=0.01)
    assert cli(*record, *QUICK).returncode == 2
    wrong = cli(*record, "--net", tmp_path / "m.pt", "--weights", "balanced", *QUICK)
    assert "pattern is needed" in wrong.stderr


def test_a_single_checkpoint_is_not_a_track(tmp_path: Path) -> None:
    """The error names what follows it instead, or else analyses it."""
    spec = MLP((4, 6, 2))
    state, masks = plain_state(initial_net(spec, rng=0))
    write_model(tmp_path / "one.pt", net=spec.spec, state=state, masks=masks)
    run = cli("track", "one.pt", cwd=tmp_path)
    assert run.returncode == 2
    said = " ".join(run.stderr.split())
    assert "one.pt is a single checkpoint, and a track is of one network at two steps" in said
    assert said.endswith("Of one checkpoint alone: netsculpt analyze one.pt")
    assert ": netsculpt track" not in said
    folder = cli("track", ".", cwd=tmp_path)
    assert (folder.returncode, "single checkpoint" in folder.stderr) == (2, True)
    for record in ("history", "one.history"):
        tmp_path.joinpath(record).mkdir()
        tmp_path.joinpath(record, "masks.record").write_bytes(b"")
        said = " ".join(cli("track", "one.pt", cwd=tmp_path).stderr.split())
        assert f"wrote next to the model: netsculpt track {record}. Of one" in said


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    run = cli("track", tmp_path / "none.pt")
    assert run.returncode == 3
    assert "no file at" in run.stderr


def test_steps_of_a_net_that_torch_prunes_are_read_into_copies(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    prune.l1_unstructured(net[0], "weight", amount=5)
    recorder = Recorder(net, tmp_path / "run")
    net(torch.ones(1, 3)).sum().backward()
    ((step, graph),) = graphs_of(recorder.folder, net, torch.ones(1, 3))
    assert (step, graph.n_edges) == (0, 12 - 5 + 8)
