"""What happened to a net: rounds of sculptings and prunings, epochs, and what commands write."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.core.folders import MASKS
from netsculpt.files.model import read_model
from netsculpt.graph.graph import live_units
from netsculpt.nets import CNN, MLP, initial_net, mask_net
from netsculpt.report.history import write_history
from netsculpt.training import (
    SCULPTING,
    Recipe,
    Sculpting,
    dynamic,
    fit,
    prune,
    sculpting,
    task,
)
from netsculpt.training.dynamic.record import MaskRecorder, Recorder, read_record
from netsculpt.training.dynamic.trajectory import record_graphs
from netsculpt.training.history import (
    drawn,
    pruning_history,
    recorded_graphs,
    recorded_spec,
    sculpting_history,
    training_history,
    write_rounds,
)

SPEC = MLP((4, 8, 4))
QUICK = replace(SCULPTING, epochs=20)
GRID: dict[str, Any] = {
    "seeds": [0, 1],
    "unit_gradients": (30.0,),
    "edge_gradients": (20.0, 10.0),
    "goal_accuracy": 0.7,
}


def random_record(path: Path, spec: Any, n: int = 4) -> dict[int, dict[str, np.ndarray]]:
    """A record of masks that come and go, and the masks."""
    rng = np.random.default_rng(0)
    shapes = {x: tuple(y.shape) for x, y in spec.build().named_parameters() if y.ndim > 1}
    masks = {k: {x: rng.random(y) < 0.8 - k / 8 for x, y in shapes.items()} for k in range(n)}
    recorder = MaskRecorder(path, masks[0], {"net": spec.spec})
    for number in range(1, n):
        recorder.add(number, masks[number], step=10 * number)
    return masks


# --- records of masks ---


def test_masks_come_back_and_are_replaced_from_a_number_on(tmp_path: Path) -> None:
    path = tmp_path / MASKS
    masks = random_record(path, SPEC)
    record = read_record(path)
    assert record.steps == (0, 10, 20, 30)
    for number, wanted in masks.items():
        found = record.masks(number)
        assert all((found[name] == mask).all() for name, mask in wanted.items())
    whole = path.read_bytes()
    again = MaskRecorder(path, masks[0], {"net": SPEC.spec})
    for number in (2, 3):
        again.add(number, masks[number], step=10 * number)
    assert path.read_bytes() == whole
    late = MaskRecorder(path, masks[0], {})
    with pytest.raises(FormatError, match="ends with update 3, but 8 have been done"):
        late.add(9, masks[1], step=90)
    with pytest.raises(FormatError, match="of other weights"):
        MaskRecorder(path, {"fc1.weight": np.ones((2, 2), bool)}, {})


@pytest.mark.parametrize("spec", [SPEC, CNN((1, 4, 4), (2, 3), (4,), 2)], ids=["mlp", "cnn"])
def test_recorded_networks_are_those_that_are_traced(spec: Any, tmp_path: Path) -> None:
    random_record(tmp_path / MASKS, spec, n=2)
    record = read_record(tmp_path / MASKS)
    example = torch.zeros(1, spec.n_inputs)
    traced = list(record_graphs(record, initial_net(spec, rng=3), example, [0, 1]))
    for found, wanted in zip(recorded_graphs(record, [0, 1]), traced, strict=True):
        assert [layer.name for layer in found.layers] == [layer.name for layer in wanted.layers]
        assert found.n_edges == wanted.n_edges
        assert (found.pattern.weights != wanted.pattern.weights).nnz == 0


def test_what_a_record_says_of_its_net_is_checked(tmp_path: Path) -> None:
    mask = {"fc1.weight": np.ones((8, 4), bool)}
    for name, about, text in (
        ("none", {}, "does not say which net"),
        ("other", {"net": MLP((4, 9, 4)).spec}, "fc1.weight that its own net does not have"),
        ("huge", {"net": MLP((4, 10**6, 10**6, 4)).spec}, "fc1.weight that its own net"),
        ("strange", {"net": {"family": "mpl"}}, "no family 'mpl'"),
    ):
        MaskRecorder(tmp_path / name, mask, about)
        with pytest.raises(FormatError, match=text):
            recorded_spec(read_record(tmp_path / name))


# --- sculptings ---


@pytest.fixture(scope="module")
def process() -> Any:
    """A finished sculpting, and the masks that its runs had after every round."""
    process = Sculpting(SPEC, task("input-separable"), QUICK, **GRID)
    seen: list[dict[tuple[int, ...], dict[str, np.ndarray]]] = []
    while not process.finished:
        process.advance()
        runs, masks = process._state.runs, process.accepted.masks
        seen.append(
            {
                run: {name: masks[name][row].numpy().copy() for name in process.accepted.weights}
                for row, run in enumerate(runs)
            }
        )
    return process, seen


def test_rounds_have_the_masks_that_stood_after_them(process: Any, tmp_path: Path) -> None:
    process, seen = process
    for replica in range(4):
        run = (replica // 2, 0, replica % 2)
        rounds = process.rounds(replica)
        assert rounds is not None
        write_rounds(rounds, SPEC, tmp_path / MASKS)
        record = read_record(tmp_path / MASKS)
        for number, after in enumerate(seen, start=1):
            known = [masks for name, masks in after.items() if name == run[: len(name)]]
            before = [n for n, step in enumerate(record.steps) if step <= number]
            found = record.masks(before[-1])
            for masks in known[:1]:
                assert all((found[name] == mask).all() for name, mask in masks.items()), number
        history = sculpting_history(record, rounds.rounds)
        assert [p.density for p in history.points if p.undone and p.changed] == []
        kept = int(process.result().replicas.n_kept()[replica])
        assert history.points[-1].density == kept / SPEC.n_weights
        accepted = [x for x in rounds.rounds if x.accepted]
        assert min(x.held_out_accuracy for x in accepted) >= GRID["goal_accuracy"]
        undone = [x for x in rounds.rounds if not x.accepted and x.stage != "retraining"]
        assert undone
        assert max(x.held_out_accuracy for x in undone) < GRID["goal_accuracy"]


def test_a_resumed_sculpting_has_the_same_rounds(process: Any) -> None:
    process, _ = process
    first = Sculpting(SPEC, task("input-separable"), QUICK, **GRID)
    for _ in range(6):
        first.advance()
    again = Sculpting(SPEC, task("input-separable"), QUICK, **GRID)
    again.restore(first.state())
    again.run(None)
    for replica in range(4):
        one, other = again.rounds(replica), process.rounds(replica)
        assert one is not None
        assert one.rounds == other.rounds
        assert all(torch.equal(one.removed[name], x) for name, x in other.removed.items())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"stages": ["dense", "lunch"]}, "stages"),
        ({"removed": torch.full((2, 64), 9, dtype=torch.int32)}, "rounds that were not"),
        ({"scores": torch.zeros(2, 1, 3, dtype=torch.float64)}, "'scores' is"),
        ({"accepted": torch.zeros(2, 1)}, "is not a tensor of"),
    ],
)
def test_rounds_that_cannot_be_are_refused(change: dict[str, Any], text: str) -> None:
    process = Sculpting(SPEC, task("input-separable"), QUICK, **{**GRID, "goal_accuracy": 0.1})
    process.advance()
    state = process.state()
    state["trail"] = {**state["trail"], **change}
    fresh = Sculpting(SPEC, task("input-separable"), QUICK, **{**GRID, "goal_accuracy": 0.1})
    with pytest.raises(FormatError, match=text):
        fresh.restore(state)
    del state["trail"]
    with pytest.raises(FormatError, match="an older version wrote it"):
        fresh.restore(state)


def test_losses_of_a_round_are_those_of_the_net_that_was_tried(process: Any) -> None:
    process, _ = process
    kind = sculpting.perceptrons.Perceptrons(SPEC)
    result = process.result()
    accuracy, loss = kind.measured(result.replicas, task("input-separable"))
    for replica in range(4):
        last = [x for x in process.rounds(replica).rounds if x.accepted][-1]
        assert last.train_loss == pytest.approx(float(loss[replica]), rel=1e-5)
        assert last.train_accuracy == float(accuracy[replica]) == last.held_out_accuracy


# --- prunings ---


def test_a_pruning_is_measured_with_the_masks_of_each_round(tmp_path: Path) -> None:
    net, samples = initial_net(MLP((64, 12, 10)), rng=0), drawn(task("digits"), 100, rng=0)
    seen: dict[int, dict[str, torch.Tensor]] = {}
    recorder: list[MaskRecorder] = []

    def note(number: int, masks: Any) -> None:
        seen[number] = dict(masks)
        if number:
            recorder[0].add(number, masks, step=number)
        else:
            about = {"net": MLP((64, 12, 10)).spec}
            recorder.append(MaskRecorder(tmp_path / MASKS, masks, about))

    pruned = prune(net, method="magnitude", density=0.1, rounds=4, on_round=note, rng=0)
    history = pruning_history(read_record(tmp_path / MASKS), net, samples)
    assert list(seen) == [point.step for point in history.points] == [0, 1, 2, 3, 4]
    assert all(torch.equal(seen[4][name], mask) for name, mask in pruned.masks.items())
    for number, point in enumerate(history.points):
        masked = initial_net(MLP((64, 12, 10)), rng=0)
        mask_net(masked, seen[number])
        logits = masked.eval()(samples.inputs).detach()
        right = samples.goal.correct(logits, samples.targets).double().mean()
        assert point.train_accuracy == float(right)
        assert point.train_loss == pytest.approx(float(samples.goal.loss(logits, samples.targets)))
        kept = sum(int(mask.sum()) for mask in seen[number].values())
        assert point.density == kept / (64 * 12 + 120)
    graphs = list(recorded_graphs(read_record(tmp_path / MASKS), range(5)))
    for step, graph in enumerate(graphs):
        rows = [x for x in history.by_layer if x.step == step]
        live = live_units(graph)
        assert [x.n_live for x in rows] == [int(live[x.units].sum()) for x in graph.layers]
        kept_in = [0, *(int(mask.sum()) for mask in seen[step].values())]
        assert [x.n_edges_in for x in rows] == kept_in
    assert "stage" not in history.table()
    assert np.isnan(pruning_history(read_record(tmp_path / MASKS), net).points[0].train_loss)


def test_samples_are_those_that_scores_are_made_from() -> None:
    from netsculpt.training import batches_of

    whole = task("digits")
    few = drawn(whole, 70, rng=5)
    pairs = list(batches_of(whole, n_samples=70, rng=5))
    assert torch.equal(few.inputs, torch.cat([x for x, _ in pairs]))
    assert few.held_out is not None
    assert few.held_out.n_samples == 70


# --- trainings ---


def test_accuracy_in_training_is_counted_batch_by_batch() -> None:
    """With all samples in one batch, the first epoch sees the initial net."""
    samples = task("input-separable")
    net = initial_net(SPEC, rng=0).eval()
    right = samples.goal.correct(net(samples.inputs), samples.targets).double().mean()
    recipe = Recipe(epochs=1, batch_size=samples.n_samples)
    (epoch,) = fit(net, samples, recipe, rng=0).history
    assert epoch.training_accuracy == float(right)
    assert epoch.updates == 0


def test_epochs_have_the_layers_of_their_masks(tmp_path: Path) -> None:
    path = tmp_path / MASKS
    seen = []

    def sparsify(net: Any) -> Any:
        made = dynamic.gmp(net, density=0.3, end=12, every=2, rng=0)
        Recorder(made, path, net=SPEC.spec)
        sparsify.made = made  # type: ignore[attr-defined]
        return made

    def note(_: Any) -> None:
        seen.append([int(x.sum()) for x in sparsify.made.masks.values()])  # type: ignore[attr-defined]

    fitted = fit(
        initial_net(SPEC, rng=0),
        task("input-separable"),
        Recipe(epochs=8, batch_size=8),
        sparsifier=sparsify,
        rng=0,
        progress=note,
    )
    history = training_history(fitted.history, read_record(path))
    for epoch, counts in zip(fitted.history, seen, strict=True):
        rows = [x.n_edges_in for x in history.by_layer if x.step == epoch.epoch]
        assert rows == [0, *counts]
    changed = [point.changed for point in history.points]
    assert any(changed)
    assert not changed[-1]
    with pytest.raises(FormatError, match="sparse training with other net"):
        Recorder(sparsify.made, path, net=MLP((4, 9, 4)).spec)  # type: ignore[attr-defined]


# --- what commands write ---

DRAWN = ("--figures", "png", "--width", "nature")


def written(folder: Path) -> set[str]:
    return {x.relative_to(folder).as_posix() for x in folder.rglob("*") if x.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def followed(folder: Path) -> list[dict[str, Any]]:
    run = cli("track", folder, "--nulls", 0, "--points", 2, "--json")
    assert run.returncode == 0, run.stderr
    points: list[dict[str, Any]] = json.loads(run.stdout)["points"]
    return points


def test_a_pruning_writes_its_rounds_and_track_follows_them(tmp_path: Path) -> None:
    options = ("--method", "magnitude", "--rounds", 3, "--density", 0.2, "--task", "digits")
    out = tmp_path / "a.pt"
    run = cli("prune", "--net", "mlp:64,12,10", *options, *DRAWN, "-o", out)
    assert run.returncode == 0, run.stderr
    folder = tmp_path / "a.history"
    figures = {f"figures/{x}.png" for x in ("curves", "layers", "accuracy_vs_density")}
    tables = {"history.csv", "layers.csv", "summary.json", "manifest.json", MASKS}
    assert written(folder) == tables | figures
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == written(folder) - {"manifest.json"}
    told = {"rounds": 3, "task": "digits", "width": "nature"}
    assert manifest["arguments"].items() >= told.items()
    last = read_record(folder / MASKS).masks(-1)
    assert all((last[name] == x.numpy()).all() for name, x in read_model(out).masks.items())
    assert [int(row["round"]) for row in rows(folder / "history.csv")] == [0, 1, 2, 3]
    assert followed(folder)[-1]["density"] == pytest.approx(0.2, abs=1e-3)
    shuffled = ("--baseline", "shuffled", "--figures", "none", "-o", out)
    assert cli("prune", "--net", "mlp:64,12,10", *options, *shuffled).returncode == 0
    assert read_record(folder / MASKS).steps == (0, 1, 2, 3, 4)
    last = read_record(folder / MASKS).masks(-1)
    assert all((last[name] == x.numpy()).all() for name, x in read_model(out).masks.items())
    once = cli("prune", "--net", "mlp:64,12,10", *DRAWN, "-o", tmp_path / "b.pt")
    assert (once.returncode, "prunes in one round" in once.stderr) == (2, True)


def test_a_sparse_training_writes_its_masks_and_track_follows_them(tmp_path: Path) -> None:
    sparse = ("--sparse", "rigl", "--density", 0.2, "--every", 5, "--begin", 0)
    options = ("train", "--net", "mlp:64,12,10", "--task", "digits", "--epochs", 3, *sparse)
    run = cli(*options, "--batch-size", 256, *DRAWN, "-o", tmp_path / "a.pt")
    assert run.returncode == 0, run.stderr
    folder = tmp_path / "a.history"
    assert {MASKS, "layers.csv", "figures/curves.png", "figures/layers.png"} <= written(folder)
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    table = rows(folder / "history.csv")
    assert [float(row["train_accuracy"]) for row in table] == [
        json.loads(line)["training_accuracy"] for line in lines
    ]
    points = followed(tmp_path)
    assert points[-1]["density"] == pytest.approx(0.2, abs=2e-3)
    quiet = ("--figures", "none", "--no-record", "-o", tmp_path / "b.pt")
    assert cli(*options, *quiet).returncode == 0
    assert written(tmp_path / "b.history") == {"history.csv", "summary.json", "manifest.json"}
    (tmp_path / "c.history").mkdir()
    (tmp_path / "c.history" / MASKS).write_text("mine")
    foreign = cli(*options, "--figures", "none", "-o", tmp_path / "c.pt")
    assert foreign.returncode == 2
    assert (tmp_path / "c.history" / MASKS).read_text() == "mine"


def test_a_sculpting_writes_its_rounds_and_track_follows_them(tmp_path: Path) -> None:
    options = ("--arch", "4,8,4", "--seeds", "0-1", "--epochs", 20, "--goal-accuracy", 70)
    steps = ("--unit-gradients", 30, "--edge-gradients", 20, "--detector", "layered")
    run = cli("sculpt", "input-separable", *options, *steps, *DRAWN, "-o", tmp_path)
    assert run.returncode == 0, run.stderr
    for seed in (0, 1):
        folder = tmp_path / f"seed-{seed}" / "history"
        assert {MASKS, "history.csv", "layers.csv", "figures/layers.png"} <= written(folder)
        model = read_model(tmp_path / f"seed-{seed}" / "model.pt")
        last = read_record(folder / MASKS).masks(-1)
        assert all((last[name] == x.numpy()).all() for name, x in model.masks.items())
        table = rows(folder / "history.csv")
        assert {row["stage"] for row in table} == {"dense", "units", "retraining", "edges"}
        kept = sum(int(x.sum()) for x in model.masks.values())
        assert float(table[-1]["density"]) == pytest.approx(kept / 64)
    assert followed(tmp_path / "seed-1")[-1]["density"] == pytest.approx(kept / 64)
    assert (tmp_path / "figures" / "accuracy_vs_density.png").exists()
    both = cli("track", tmp_path, "--nulls", 0, "--points", 2)
    assert both.returncode == 0
    assert "holds the masks of 2 networks" in " ".join(both.stderr.split())
    before = {name: (tmp_path / name).read_bytes() for name in written(tmp_path) if MASKS in name}
    assert cli("sculpt", "--resume", "-o", tmp_path, "--figures", "none").returncode == 0
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_track_needs_to_know_the_net_of_a_record(tmp_path: Path) -> None:
    MaskRecorder(tmp_path / MASKS, {"fc1.weight": np.ones((2, 2), bool)}, {})
    run = cli("track", tmp_path / MASKS)
    assert run.returncode == 2
    assert "which net" in " ".join(run.stderr.replace("│", " ").split())


def test_a_history_without_layers_is_not_drawn(tmp_path: Path) -> None:
    from netsculpt import plots

    fitted = fit(initial_net(SPEC, rng=0), task("input-separable"), Recipe(epochs=2), rng=0)
    history = training_history(fitted.history)
    write = partial(write_history, arguments={}, seed=0, figures=NO_FIGURES)
    write(history, tmp_path / "out", "train")
    assert written(tmp_path / "out") == {"history.csv", "summary.json", "manifest.json"}
    assert json.loads((tmp_path / "out/summary.json").read_text())["last"] == asdict(
        history.points[-1]
    )
    for plot in (plots.density_by_layer, plots.live_units_by_layer):
        with pytest.raises(GraphError, match="has no layers"):
            plot(history)
