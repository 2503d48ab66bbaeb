"""Masks of sub-tasks: of nets whose shared weights are known, and by the definitions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.compare.mask_sharing import mask_sharing
from netsculpt.core.errors import FormatError, NumberError
from netsculpt.graph.circuits import compile_circuit, parse_circuit
from netsculpt.nets import CNN, LSTM, MLP, initial_net, mask_net
from netsculpt.training import Recipe, Task, boolean, subtask_masks
from netsculpt.training.influence.masking import MASKING, SubtaskMasks
from netsculpt.training.influence.masking.masked_net import MaskedNet
from netsculpt.training.tasks import Classes

DISJOINT = "f = a ^ b; g = c & ~d; y1 = f; y2 = g | e"
SHARED = "f = a ^ b; y1 = f & c; y2 = f | d"
GENTLE = 4.0  # slope of sigmoids that still have gradients, and answer as steps do
BRIEF = replace(MASKING, epochs=150)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def compiled(text: str) -> nn.Sequential:
    """A compiled circuit as a masked net of sigmoids."""
    circuit = compile_circuit(parse_circuit(text))
    net = MLP((circuit.weights[0].shape[1], *map(len, circuit.weights)), "sigmoid").build()
    layers = [x for x in net.modules() if isinstance(x, nn.Linear)]
    masks = {}
    for i, (layer, weight, bias) in enumerate(
        zip(layers, circuit.weights, circuit.biases, strict=True), start=1
    ):
        layer.weight.data = torch.from_numpy(GENTLE * weight).float()
        layer.bias.data = torch.from_numpy(GENTLE * bias).float()
        masks[f"fc{i}.weight"] = torch.from_numpy(weight != 0)
    mask_net(net, masks)
    return net


@pytest.fixture(scope="module")
def disjoint() -> SubtaskMasks:
    return subtask_masks(compiled(DISJOINT), boolean(DISJOINT), recipe=BRIEF, n_runs=2, rng=0)


@pytest.fixture(scope="module")
def shared() -> SubtaskMasks:
    net, task = compiled(SHARED), boolean(SHARED)
    return subtask_masks(net, task, recipe=BRIEF, n_runs=2, untrained=False, rng=0)


def test_disjoint_circuits_have_disjoint_masks(disjoint: SubtaskMasks) -> None:
    assert disjoint.subtasks == ("y1", "y2")
    assert disjoint.whole.tolist() == [1.0, 1.0]
    assert (disjoint.iou[0, 1] == 0).all(), "in every layer"
    assert (disjoint.p_specialize[0, 1], disjoint.p_reuse[0, 1]) == (1.0, 0.0)
    for run in range(2):
        assert np.diag(disjoint.accuracy[run]).tolist() == [1.0, 1.0], "each solves its own"
        assert max(disjoint.accuracy[run, 0, 1], disjoint.accuracy[run, 1, 0]) < 1
        assert np.diag(disjoint.accuracy_without[run]).max() < 1
        crossed = disjoint.accuracy_without[run][[0, 1], [1, 0]]
        assert crossed.tolist() == [1.0, 1.0], "without one mask the other sub-task is whole"
    assert disjoint.iou_of_runs[:, -1].tolist() == [1.0, 1.0]
    assert (disjoint.random_accuracy.mean(axis=0) < 1).all()
    assert disjoint.shares[:, -1].sum() <= 1


def test_a_shared_gate_is_in_both_masks(shared: SubtaskMasks) -> None:
    """All six weights of f = a ^ b, into its two ANDs and out of them, are in either mask."""
    net = compiled(SHARED)
    both = {name: x.all(axis=(0, 1)) for name, x in shared.masks.items()}
    first, second = (np.abs(net.get_parameter(f"fc{i}.weight").detach().numpy()) for i in (1, 2))
    gates = np.flatnonzero((first[:, :2] > 0).all(axis=1))
    assert len(gates) == 2
    assert both["fc1.weight"][gates][:, :2].all()
    assert (both["fc2.weight"] | (second == 0))[:, gates].all()
    assert np.diag(shared.accuracy[0]).tolist() == [1.0, 1.0]
    assert 0 < shared.p_reuse[0, 1] < 1, "the gates of the outputs are of one alone"


def test_without_a_penalty_everything_is_kept() -> None:
    net, task = compiled(SHARED), boolean(SHARED)
    found = subtask_masks(
        net, task, recipe=BRIEF, penalty=0, n_runs=1, n_random=2, untrained=False, rng=0
    )
    assert found.shares.tolist() == [[1.0] * 4] * 2
    assert found.random_accuracy.tolist() == [[1.0, 1.0]] * 2, "there is nothing to shuffle"
    assert np.isnan(found.iou_of_runs).all(), "one run does not tell"


def test_same_seed_same_bytes_and_streams_of_their_own() -> None:
    net, task = compiled(SHARED), boolean(SHARED)
    short = replace(MASKING, epochs=30, learning_rate=0.1)
    more = {"recipe": short, "n_runs": 1, "untrained": False}
    before = {name: x.clone() for name, x in net.state_dict().items()}
    one, two = (subtask_masks(net, task, rng=0, **more) for _ in range(2))
    for name in one.masks:
        np.testing.assert_array_equal(one.masks[name], two.masks[name])
    assert one.summary() == two.summary()
    turned = subtask_masks(net, task, {"y2": [1], "y1": [0]}, rng=0, **more)
    for name, mask in one.masks.items():
        np.testing.assert_array_equal(turned.masks[name][:, ::-1], mask)
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())


def test_sharing_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    among = {"fc1": rng.random((4, 5)) < 0.7, "fc2": rng.random((3, 4)) < 0.7}
    masks = {name: x & (rng.random((3, *x.shape)) < 0.6) for name, x in among.items()}
    found = mask_sharing(masks, among)
    for i in range(3):
        for j in range(3):
            sets = [
                {(name, *place) for name in masks for place in np.argwhere(masks[name][k])}
                for k in (i, j)
            ]
            sets = [{tuple(map(str, x)) for x in each} for each in sets]
            both, either = sets[0] & sets[1], sets[0] | sets[1]
            assert found.iou[i, j, -1] == len(both) / len(either)
            assert found.iomin[i, j, -1] == len(both) / min(map(len, sets))
            first = [{x for x in each if x[0] == "fc1"} for each in sets]
            assert found.iou[i, j, 0] == len(first[0] & first[1]) / len(first[0] | first[1])
    draws = []
    for _ in range(3000):
        places = rng.permuted(np.tile(masks["fc2"][0][among["fc2"]], (2, 1)), axis=1)
        draws.append((places[0] & masks["fc2"][1][among["fc2"]]).sum())
    least = masks["fc2"][:2].sum(axis=(1, 2)).min()
    assert found.iomin_by_chance[0, 1, 1] == pytest.approx(np.mean(draws) / least, abs=0.02)
    with pytest.raises(FormatError, match="not there"):
        mask_sharing({"fc": [[True, True]]}, {"fc": [True, False]})


@pytest.mark.parametrize("spec", [CNN((1, 8, 8), (3,), (4,), 4), LSTM((8, 8), 5, 4)])
def test_any_net_runs_with_masks(spec: CNN | LSTM) -> None:
    """Outputs with a mask are those of the net with its weights set to 0."""
    net = initial_net(spec, rng=0)
    fixed, rng = MaskedNet.of(net), np.random.default_rng(0)
    rows = rng.random((2, fixed.n_weights)) < 0.5
    inputs = torch.randn(6, 64, generator=torch.Generator().manual_seed(0))
    found = fixed.answered(rows, inputs)
    for row in range(2):
        other = initial_net(spec, rng=0)
        mask_net(other, {x: torch.from_numpy(m[row]) for x, m in fixed.by_layer(rows).items()})
        torch.testing.assert_close(found[row], other.eval()(inputs).detach())
    task = Task("two", inputs, torch.tensor([[0, 1], [1, 0]] * 3), Classes((2, 2)))
    found = subtask_masks(net, task, recipe=Recipe(epochs=2), n_runs=1, n_random=1, rng=0)
    assert found.subtasks == ("0", "1")
    assert found.whole.shape == (2,)


def test_tables_and_summary(disjoint: SubtaskMasks) -> None:
    table = disjoint.table().set_index("layer")
    assert table.index.tolist() == ["fc1.weight", "fc2.weight", "all"]
    assert table.loc["all", "iou"] == 0.0
    assert 0 < table.loc["all", "iou_by_chance"] < 1
    rows = disjoint.accuracies().set_index("subtask")
    assert rows.loc["y1", ["whole", "own", "on y1"]].tolist() == [1.0, 1.0, 1.0]
    assert disjoint.untrained is not None
    assert (rows["untrained"] == disjoint.untrained.own_accuracy).all()
    summary = json.loads(json.dumps(disjoint.summary(), allow_nan=False))
    assert (summary["p_specialize"], summary["iou_of_runs"]) == (1.0, 1.0)
    assert list(summary["kept_by_layer"]["y1"]) == ["fc1.weight", "fc2.weight"]
    costly = subtask_masks(
        compiled(SHARED), boolean(SHARED), recipe=BRIEF, penalty=30, n_runs=1, rng=0
    )
    assert "lower the penalty" in costly.notes[0]


def test_errors_say_what_is_needed() -> None:
    net, task = compiled(SHARED), boolean(SHARED)
    with pytest.raises(FormatError, match="two or more"):
        subtask_masks(net, task, {"y1": [0]})
    with pytest.raises(FormatError, match=r"some of 0 … 1"):
        subtask_masks(net, task, {"y1": [0], "y2": [2]})
    with pytest.raises(NumberError, match="penalty"):
        subtask_masks(net, task, penalty=-1)
    with pytest.raises(FormatError, match="noise"):
        subtask_masks(net, task, recipe=replace(MASKING, noise=0.1))
    with pytest.raises(FormatError, match="task that it was trained on"):
        subtask_masks(net, boolean("f = a & (b | c | d); y = f | a; z = f; w = ~f & b"))
    nothing = {x: torch.zeros_like(y) > 0 for x, y in net.named_parameters() if "weight" in x}
    mask_net(net, nothing)
    with pytest.raises(FormatError, match="keeps no weights"):
        subtask_masks(net, task)
