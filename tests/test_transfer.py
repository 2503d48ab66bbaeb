"""Transfer: the exact regression, what stays frozen or pruned, which samples choose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import commands
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from netsculpt.core.errors import FormatError, NumberError, TopologyError
from netsculpt.files.model import read_model, write_model
from netsculpt.files.saved_state import digest
from netsculpt.nets import CNN, LSTM, MLP, VGG, ResNet, initial_net, mask_net, masks_of
from netsculpt.nets.families import NetSpec, with_outputs
from netsculpt.nets.masks import net_from_model, plain_state
from netsculpt.training import Recipe, full_transfer, linear_transfer
from netsculpt.training.fitting.loop import fit
from netsculpt.training.tasks import Bits, Classes, Task, hold_out, parse_task
from netsculpt.training.transfer.heads import features, head_of, with_head
from netsculpt.training.transfer.logistic import GRADIENT, logistic, mean_loss
from netsculpt.training.transfer.parts import parts_of

TARGET = parse_task("digits:5-9", rng=0)
SPECS: dict[str, NetSpec] = {
    "mlp": MLP((64, 20, 12, 5)),
    "cnn": CNN((1, 8, 8), channels=(4, 4), hidden=(12,), n_outputs=5),
    "vgg": VGG((1, 8, 8), stages=((4,), (12,)), n_outputs=5),
    "resnet": ResNet((1, 8, 8), n_outputs=5, widths=(4, 12), blocks=1),
    "lstm": LSTM((8, 8), hidden=12, n_outputs=5),
}


def sparse(spec: NetSpec, density: float = 0.3, seed: int = 0) -> nn.Module:
    """A net with random masks in all of its weights, the head included."""
    net = initial_net(spec, rng=seed)
    rng = np.random.default_rng(seed)
    mask_net(
        net,
        {
            name: torch.from_numpy(rng.random(x.shape) < density)
            for name, x in net.named_parameters()
            if x.ndim > 1
        },
    )
    return net


def rows_of(task: Task) -> set[bytes]:
    return {x.numpy().tobytes() for x in task.inputs}


# The regression


def blobs(n: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return rng.normal(size=(3, 4))[labels] + spread * rng.normal(size=(n, 4)), labels[:, None]


@pytest.mark.parametrize("l2", [1.0, 0.01])
@pytest.mark.parametrize("spread", [1.5, 0.05])  # overlapping classes, and separable ones
def test_the_optimum_is_that_of_scikit_learn(l2: float, spread: float) -> None:
    values, labels = blobs(90, spread)
    found = logistic(values, labels, Classes((3,)), l2)
    peer = LogisticRegression(C=1 / (90 * l2), tol=1e-12, max_iter=10_000, solver="newton-cg")
    peer.fit(values, labels[:, 0])
    np.testing.assert_allclose(found.weight, peer.coef_, atol=1e-6)
    np.testing.assert_allclose(found.bias, peer.intercept_, atol=1e-6)
    assert found.gradient <= GRADIENT


def test_bits_are_regressions_of_their_own() -> None:
    values, _ = blobs(80, 1.0)
    bits = (values[:, :2] + np.random.default_rng(1).normal(size=(80, 2)) > 0).astype(np.float32)
    found = logistic(values, bits, Bits(2), 0.05)
    for k in range(2):  # the loss is averaged over the bits
        peer = LogisticRegression(C=1 / (80 * 2 * 0.05), tol=1e-12, max_iter=10_000)
        peer.set_params(solver="newton-cg").fit(values, bits[:, k])
        np.testing.assert_allclose(found.weight[k], peer.coef_[0], atol=1e-6)
        np.testing.assert_allclose(found.bias[k], peer.intercept_[0], atol=1e-6)


@pytest.mark.parametrize("goal", [Bits(5), Classes((2, 3))])
def test_loss_and_slope_by_the_goal_and_autograd(goal: Bits | Classes) -> None:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(7, 5))).requires_grad_()
    if isinstance(goal, Bits):
        targets = torch.from_numpy(rng.integers(2, size=(7, 5)).astype(np.float32))
        wanted = goal.loss(logits, targets.double())
    else:
        targets = torch.from_numpy(np.stack([rng.integers(2, size=7), rng.integers(3, size=7)], 1))
        wanted = goal.loss(logits, targets)
    wanted.backward()
    value, slope = mean_loss(goal)(logits.detach().numpy(), targets.numpy())
    assert value == pytest.approx(float(wanted.detach()), abs=1e-12)
    assert logits.grad is not None
    np.testing.assert_allclose(slope, logits.grad.numpy(), atol=1e-12)


def test_a_regression_needs_a_penalty_and_numbers() -> None:
    values, labels = blobs(30, 1.0)
    with pytest.raises(NumberError, match="l2 is 0"):
        logistic(values, labels, Classes((3,)), 0.0)
    values[0, 0] = np.inf
    with pytest.raises(FormatError, match="not all finite"):
        logistic(values, labels, Classes((3,)), 1.0)


# Heads


@pytest.mark.parametrize("family", SPECS)
def test_the_head_of_every_family_and_what_feeds_it(family: str) -> None:
    net = sparse(SPECS[family]).eval()
    head = head_of(net, TARGET.inputs[:1])
    assert (head.n_features, head.n_outputs) == (12, 5)
    fed = features(net, TARGET.inputs[:9], head)
    layer = net.get_submodule(head.name)
    torch.testing.assert_close(layer(fed), net(TARGET.inputs[:9]))
    new = with_head(net, head, 7, rng=0)
    assert new(TARGET.inputs[:9]).shape == (9, 7)
    built = with_outputs(SPECS[family], 7).build()
    assert {k: v.shape for k, v in plain_state(new)[0].items()} == {
        k: v.shape for k, v in built.state_dict().items()
    }
    assert set(masks_of(new)) == set(masks_of(net)) - {f"{head.name}.weight"}


class Shuffled(nn.Module):
    """The head is neither the last layer by name nor in the order of definition."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, 5)
        self.early = nn.Linear(64, 6)
        self.unused = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.early(x))
        made: torch.Tensor = self.out(hidden)
        self.unused(hidden)
        return made


class Softmax(Shuffled):
    """Something follows the last layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).softmax(dim=1)


def test_a_head_is_found_by_what_the_net_returns() -> None:
    assert head_of(Shuffled(), TARGET.inputs[:1]).name == "out"
    with pytest.raises(TopologyError, match="does not return the output of one of its layers"):
        head_of(Softmax(), TARGET.inputs[:1])
    with pytest.raises(TopologyError, match="is a Conv1d"):
        head_of(nn.Conv1d(1, 1, 1), torch.zeros(1, 1, 4))
    with pytest.raises(FormatError, match="does not take inputs"):
        linear_transfer(Shuffled(), parse_task("shape-pairs", rng=0), rng=0)


# Parts


@pytest.mark.parametrize("name", ["digits:5-9", "levels-1"])
def test_no_sample_is_in_two_parts(name: str) -> None:
    task = parse_task(name, rng=0)
    parts = parts_of(task, validation=0.25, published=False, seed=3)
    rows = [rows_of(part) for part in (parts.learning, parts.choosing, parts.test)]
    assert not rows[0] & rows[1] | rows[0] & rows[2] | rows[1] & rows[2]
    if task.held_out is not None:
        assert torch.equal(parts.test.inputs, task.held_out.inputs)
    assert parts.to_fit.validation is parts.choosing
    published = parts_of(task, validation=0.25, published=True, seed=3)
    assert published.choosing is published.test
    assert rows_of(published.learning) == rows[0] | rows[1]


# Linear transfer


def test_a_linear_transfer_changes_nothing_but_the_head() -> None:
    net = sparse(SPECS["resnet"])
    before = digest(net.state_dict())
    found = linear_transfer(net, TARGET, strengths=(0.1, 0.01), rng=0)
    assert digest(net.state_dict()) == before
    old, new = net.state_dict(), found.net.state_dict()
    body = [name for name in old if not name.startswith("fc.")]
    assert len(body) > 10
    assert digest({x: old[x] for x in body}) == digest({x: new[x] for x in body})
    assert torch.equal(features(found.net, TARGET.inputs), features(net, TARGET.inputs))


def test_linear_accuracy_by_scikit_learn() -> None:
    net = sparse(SPECS["mlp"], 0.6)
    found = linear_transfer(net, TARGET, strengths=(0.01,), rng=0)
    fed = [features(net, x.inputs).double().numpy() for x in (TARGET, TARGET.validation)]
    spread = fed[0].std(axis=0)
    scaled = [(x - fed[0].mean(axis=0)) / np.where(spread > 0, spread, 1) for x in fed]
    peer = LogisticRegression(C=1 / (TARGET.n_samples * 0.01), tol=1e-10, max_iter=10_000)
    peer.fit(scaled[0], TARGET.targets[:, 0].numpy())
    truth = TARGET.validation.targets[:, 0].numpy()
    right = peer.predict(scaled[1]) == truth
    assert found.right.tolist() == right.tolist()
    assert found.accuracy == right.mean()
    recalls = [right[truth == c].mean() for c in range(5)]
    np.testing.assert_allclose(found.recalls, recalls)
    assert found.class_accuracy == pytest.approx(np.mean(recalls))
    logits = found.net(TARGET.validation.inputs)
    assert TARGET.goal.accuracy(logits, TARGET.validation.targets) == found.accuracy


def test_no_scale_of_a_unit_matters() -> None:
    net = sparse(SPECS["mlp"], 0.6)
    scaled = sparse(SPECS["mlp"], 0.6)
    with torch.no_grad():
        factors = torch.tensor([2.0**k for k in range(-6, 6)])
        scaled.get_parameter("fc2.weight").mul_(factors[:, None])
        scaled.get_parameter("fc2.bias").mul_(factors)
    one, other = (linear_transfer(x, TARGET, rng=0) for x in (net, scaled))
    assert one.right.tolist() == other.right.tolist()
    assert one.chosen["l2"] == other.chosen["l2"]


def test_the_strength_is_chosen_on_validation_samples_or_as_published() -> None:
    net = sparse(SPECS["mlp"], 0.3)
    strengths = (10.0, 0.1, 1e-3)
    found = linear_transfer(net, TARGET, strengths=strengths, rng=0)
    table = found.table()
    assert table["l2"].tolist() == list(strengths)
    best = table.sort_values(["accuracy", "loss"], ascending=[False, True]).iloc[0]
    assert found.chosen["l2"] == best["l2"]
    # other test samples change nothing of what is learned and chosen
    wrong = replace(TARGET.validation, targets=(TARGET.validation.targets + 1) % 5)
    other = linear_transfer(net, replace(TARGET, held_out=wrong), strengths=strengths, rng=0)
    assert digest(other.net.state_dict()) == digest(found.net.state_dict())
    assert other.accuracy < 0.5 < found.accuracy
    published = linear_transfer(net, TARGET, strengths=strengths, published=True, rng=0)
    assert published.accuracy == max(row["accuracy"] for row in published.candidates)
    assert published.summary()["chosen_on"] == "test"
    assert found.summary()["chosen_on"] == "validation"


def test_a_truth_table_is_split_and_several_answers_are_learned() -> None:
    net = sparse(MLP((8, 40, 30, 2)), 0.5)
    found = linear_transfer(net, parse_task("levels-1", rng=0), rng=0)
    assert found.counts == {"n_train": 164, "n_validation": 41, "n_test": 51}
    assert len(found.recalls) <= 4
    assert set(found.right) <= {0.0, 0.5, 1.0}


# Full transfer

RECIPE = Recipe(epochs=3, learning_rate=0.01)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_masks_stay_after_every_step_and_everything_else_learns(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = sparse(SPECS["resnet"])
    masks = {name: x.clone() for name, x in masks_of(net).items() if name != "fc.weight"}
    steps = []
    made = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    step = made.step

    def watched(self: torch.optim.Optimizer, *arguments: object) -> object:
        result = step(self, *arguments)  # type: ignore[arg-type]
        kept = self.param_groups[0]["params"]
        steps.append([int((x != 0).sum()) for x in kept if x.ndim > 1])
        return result

    monkeypatch.setattr(made, "step", watched)
    recipe = replace(RECIPE, optimizer=optimizer, weight_decay=1e-3)
    found = full_transfer(net, TARGET, recipe, rng=0)
    counts = [int(x.sum()) for x in masks.values()]
    assert len(steps) == 3 * -(-found.counts["n_train"] // 32)
    assert {tuple(x[:-1]) for x in steps} == {tuple(counts)}
    after = masks_of(found.net)
    assert after.keys() == masks.keys()  # the new head is dense
    assert all(torch.equal(after[name], mask) for name, mask in masks.items())
    old, new = net.state_dict(), found.net.state_dict()
    assert all(not new[name][~mask].any() for name, mask in masks.items())
    norms = [
        name for name in old if "running_mean" in name or (old[name].ndim == 1 and "bn" in name)
    ]
    moved = [name for name in old if not torch.equal(old[name], new.get(name, old[name]))]
    assert set(norms) <= set(moved)
    assert set(masks) <= set(moved)


def test_rate_and_epoch_are_chosen_on_validation_samples() -> None:
    net = sparse(SPECS["mlp"], 0.5)
    rates = (0.01, 0.001)
    found = full_transfer(net, TARGET, RECIPE, learning_rates=rates, rng=4)
    parts = parts_of(TARGET, validation=0.2, published=False, seed=4)
    table = found.table()
    assert table["learning_rate"].tolist() == list(rates)
    best = table.sort_values(["accuracy", "loss"], ascending=[False, True]).iloc[0]
    assert found.chosen == {"learning_rate": best["learning_rate"], "epoch": best["epoch"]}
    outputs = found.net(parts.choosing.inputs)
    assert TARGET.goal.accuracy(outputs, parts.choosing.targets) == best["accuracy"]
    wrong = replace(TARGET.validation, targets=(TARGET.validation.targets + 1) % 5)
    other = full_transfer(net, replace(TARGET, held_out=wrong), RECIPE, learning_rates=rates, rng=4)
    assert digest(other.net.state_dict()) == digest(found.net.state_dict())
    published = full_transfer(net, TARGET, RECIPE, published=True, rng=4)
    assert published.accuracy == published.candidates[0]["accuracy"]


def test_an_interrupted_transfer_resumes_to_the_same_bits(tmp_path: Path) -> None:
    net = sparse(SPECS["mlp"], 0.5)
    rates = (0.01, 0.001)
    whole = full_transfer(net, TARGET, RECIPE, learning_rates=rates, rng=0)

    def stop(number: int, epoch: object) -> None:
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        full_transfer(
            net,
            TARGET,
            RECIPE,
            learning_rates=rates,
            rng=0,
            checkpoints=tmp_path / "states",
            progress=stop,
        )
    assert {x.name for x in (tmp_path / "states").glob("rate-*.pt")} == {
        "rate-0.01.pt",
        "rate-0.001.pt",
    }
    with pytest.raises(FormatError, match=r"learning_rates.* 0\.001\]?, this is .*0\.1"):
        full_transfer(
            net, TARGET, RECIPE, learning_rates=(0.1,), rng=0, checkpoints=tmp_path / "states"
        )
    again = full_transfer(
        net, TARGET, RECIPE, learning_rates=rates, rng=0, checkpoints=tmp_path / "states"
    )
    assert digest(again.net.state_dict()) == digest(whole.net.state_dict())
    assert again.summary() == whole.summary()


# The command


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    source = hold_out(parse_task("digits:0-4", rng=0), 0.2, rng=0)
    spec = SPECS["mlp"]
    for name, net in {"sparse": sparse(spec, 0.2), "dense": initial_net(spec, rng=0)}.items():
        trained = fit(net, source, Recipe(epochs=2, learning_rate=0.01), rng=0).net
        state, masks = plain_state(trained)
        write_model(folder / f"{name}.pt", net=spec.spec, state=state, masks=masks, metadata={})
    narrow = MLP((8, 4, 2))
    state, masks = plain_state(initial_net(narrow, rng=0))
    write_model(folder / "narrow.pt", net=narrow.spec, state=state, masks=masks)
    (folder / "t.txt").write_text("f = a & b & c; g = d | e | h; y = f ^ g; z = f & x & w")
    return folder


def test_the_command_compares_with_a_dense_net(models: Path) -> None:
    arguments = ("transfer", "sparse.pt", "--task", "digits:5-9", "--task", "digits:even-odd")
    run = commands.cli(*arguments, "--against", "dense.pt", "--json", cwd=models)
    assert (run.returncode, run.stderr) == (0, "")
    summary = json.loads(run.stdout)
    errors = [[1 - x["accuracy"] for x in summary[who]] for who in ("sparse", "dense")]
    increases = [(s - d) / d for s, d in zip(*errors, strict=True)]
    assert [x["increase"] for x in summary["increase"]["targets"]] == pytest.approx(increases)
    assert summary["increase"]["mean"] == pytest.approx(np.mean(increases))
    assert summary["increase"]["median"] == pytest.approx(np.median(increases))
    assert summary["models"] == ["transferred.digits-5-9.pt", "transferred.digits-even-odd.pt"]
    for name, accuracy in zip(summary["models"], summary["sparse"], strict=True):
        model = read_model(models / name)
        net = net_from_model(model).eval()
        test = parse_task(model.metadata["transfer"]["target"], rng=0).validation
        assert test.goal.accuracy(net(test.inputs), test.targets) == accuracy["accuracy"]


def test_targets_are_called_as_on_the_command_line(models: Path) -> None:
    arguments = ("transfer", "narrow.pt", "--task", "t.txt", "-o", "named.pt")
    alone = commands.cli(*arguments, cwd=models, columns=120).stdout.split("\n")
    assert [x.split()[:2] for x in alone[1:3]] == [["target", "mode"], ["t.txt", "linear"]]
    compared = commands.cli(*arguments, "--against", "narrow.pt", cwd=models, columns=120).stdout
    rows = [x.split()[:2] for x in compared.split("\n") if x.startswith("t")]
    assert rows[:3] == [["target", "net"], ["t.txt", "sparse"], ["t.txt", "dense"]]
    assert [x[0] for x in rows[3:5]] == ["target", "t.txt"], "in the second table too"


def test_the_command_trains_all_and_resumes(models: Path) -> None:
    arguments = ("transfer", "sparse.pt", "--task", "digits:5-9", "--mode", "full", "-o", "full.pt")
    more = ("--epochs", "2", "--learning-rates", ".01,.001", "--published")
    run = commands.cli(*arguments, *more, cwd=models, columns=160)
    assert (run.returncode, run.stderr) == (0, "")
    assert "too good" in run.stdout
    before = (models / "full.pt").read_bytes()
    run = commands.cli(*arguments, *more, cwd=models)
    assert run.returncode == 2
    assert "--resume" in run.stderr
    run = commands.cli(*arguments, *more, "--resume", cwd=models)
    assert run.returncode == 0
    assert (models / "full.pt").read_bytes() == before
    masks = {k: v for k, v in read_model(models / "sparse.pt").masks.items() if k != "fc3.weight"}
    kept = read_model(models / "full.pt").masks
    assert kept.keys() == masks.keys()
    assert all(torch.equal(kept[name], mask) for name, mask in masks.items())


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("sparse.pt",), 2, "a target is needed"),
        (("sparse.pt", "--task", "shape-pairs"), 2, "shape-pairs 144: they"),
        (("sparse.pt", "--task", "digits:5-12"), 2, "no class 10"),
        (("sparse.pt", "--task", "digits", "--epochs", "3"), 2, "fits a regression"),
        (("sparse.pt", "--task", "digits", "--mode", "full", "--strengths", "1"), 2, "no penalty"),
        (("sparse.pt", "--task", "digits", "--strengths", "0"), 2, "above 0"),
        (("sparse.pt", "--task", "digits", "--task", "digits"), 2, "named twice"),
        (("sparse.pt", "--task", "digits", "-o", "sparse.pt"), 2, "overwritten"),
        (("sparse.pt", "--task", "digits", "--validation", "1"), 2, "below 1"),
        (("sparse.pt", "--task", "digits", "--validation", "0"), 2, "above 0"),
        (("sparse.pt", "--task", "digits", "--against", "narrow.pt"), 2, "dense net has 8 inputs"),
        (
            ("sparse.pt", "--task", "digits", "--against", "narrow.pt"),
            2,
            "--against: the dense net",
        ),
    ],
)
def test_mistakes_on_the_command_line(
    models: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    run = commands.cli("transfer", *arguments, cwd=models, columns=200)
    assert run.returncode == code, run.stderr
    assert text in run.stderr
