"""Training of one net: a plain loop written out, resuming to the same bits, logs, refusals."""

from __future__ import annotations

import copy
import json
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netsculpt.core.errors import (
    FormatError,
    LimitError,
    NetsculptError,
    OutputError,
    UnsafeFileError,
)
from netsculpt.core.random import stream
from netsculpt.nets.families import CNN, LSTM, MLP, VGG, ResNet, initial_net
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.training.fitting import evaluating, loop
from netsculpt.training.fitting.devices import usable_device
from netsculpt.training.fitting.loop import Fitted, fit
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.fitting.recipe import Recipe, learning_rate
from netsculpt.training.tasks import Task, task

SGD = Recipe(epochs=4, batch_size=7, optimizer="sgd", learning_rate=0.1, noise=0.1)
RECIPES = {
    "sgd": replace(SGD, schedule="cosine", warmup=1, weight_decay=0.01, nesterov=True),
    "adam": replace(SGD, optimizer="adam", learning_rate=0.02, schedule="step", milestones=(2,)),
    "adamw": replace(SGD, optimizer="adamw", learning_rate=0.02, weight_decay=0.1),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def separable() -> Task:
    return task("input-separable")


@pytest.fixture(scope="module")
def digits() -> Task:
    return task("digits", rng=0)


@pytest.fixture(scope="module")
def few_digits(digits: Task) -> Task:
    held_out = digits.validation
    fewer = replace(held_out, inputs=held_out.inputs[:30], targets=held_out.targets[:30])
    return replace(digits, inputs=digits.inputs[:50], targets=digits.targets[:50], held_out=fewer)


class Dropping(nn.Module):
    """Draws random numbers in every forward pass of training, and keeps running statistics."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(n_inputs, 16), nn.Linear(16, n_outputs)
        self.norm, self.drop = nn.BatchNorm1d(16), nn.Dropout(0.3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden: Tensor = self.fc2(self.drop(self.norm(self.fc1(inputs)).relu()))
        return hidden


def masked_mlp(n_inputs: int = 4, n_outputs: int = 4) -> nn.Module:
    net = initial_net(MLP((n_inputs, 12, n_outputs)), rng=1)
    draw = torch.Generator().manual_seed(0)
    mask_net(net, {"fc1.weight": torch.rand(12, n_inputs, generator=draw) < 0.7})
    return net


def dropping(n_inputs: int, n_outputs: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return Dropping(n_inputs, n_outputs)


NETS: dict[str, Callable[[], nn.Module]] = {
    "masked mlp": lambda: masked_mlp(64, 10),
    "dropout": lambda: dropping(64, 10),
    "cnn": lambda: initial_net(CNN((1, 8, 8), channels=(4,), hidden=(), n_outputs=10), rng=0),
    "vgg": lambda: initial_net(VGG((1, 8, 8), stages=((4,), (6,)), n_outputs=10), rng=0),
    "resnet": lambda: initial_net(ResNet((1, 8, 8), 10, widths=(4, 6), blocks=1), rng=0),
    "lstm": lambda: initial_net(LSTM((8, 8), hidden=6, n_outputs=10), rng=0),
}


def same_state(a: nn.Module, b: nn.Module) -> bool:
    one, two = a.state_dict(), b.state_dict()
    return list(one) == list(two) and all(torch.equal(one[name], two[name]) for name in one)


def same(a: Fitted, b: Fitted) -> bool:
    return same_state(a.net, b.net) and (a.best, a.history, a.seed) == (b.best, b.history, b.seed)


def stop_after(epoch: int) -> Callable[[Epoch], None]:
    def progress(done: Epoch) -> None:
        if done.epoch == epoch:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("name", RECIPES)
def test_against_a_plain_loop(name: str, separable: Task) -> None:
    """The same draws, torch's optimizers, batches written out, the best epoch picked by hand."""
    recipe, start = RECIPES[name], masked_mlp()
    found = fit(start, separable, recipe, rng=5)
    net = MLP((4, 12, 4)).build()
    net.load_state_dict({n: x for n, x in start.state_dict().items() if n != "fc1.weight_mask"})
    kept = masks_of(start)["fc1.weight"]
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD(
            net.parameters(), lr=1.0, momentum=0.9, weight_decay=0.01, nesterov=True
        ),
        "adam": lambda: torch.optim.Adam(net.parameters(), lr=1.0),
        "adamw": lambda: torch.optim.AdamW(net.parameters(), lr=1.0, weight_decay=0.1),
    }
    rates = {
        "sgd": [0.1 / 3, 0.2 / 3, 0.1]
        + [0.05 * (1 + np.cos(np.pi * step / 9)) for step in range(9)],
        "adam": [0.02] * 6 + [0.002] * 6,
        "adamw": [0.02] * 12,
    }[name]
    optimizer, best, history = make[name](), None, []
    for epoch in range(4):
        order = stream(5, "fit", "order", epoch).permutation(16)
        noise = stream(5, "fit", "noise", epoch)
        total = 0.0
        for batch, rows in enumerate((order[:7], order[7:14], order[14:])):
            x = separable.inputs[rows]
            x = x + 0.1 * torch.from_numpy(noise.standard_normal(x.shape, dtype=np.float32))
            optimizer.param_groups[0]["lr"] = rates[3 * epoch + batch]
            optimizer.zero_grad()
            loss = separable.goal.loss(net(x), separable.targets[rows])
            loss.backward()
            with torch.no_grad():
                net.fc1.weight.grad *= kept
                optimizer.step()
                net.fc1.weight *= kept
            total += loss.item() * len(rows)
        logits = net(separable.inputs).detach()
        accuracy = separable.goal.accuracy(logits, separable.targets)
        validation_loss = float(separable.goal.loss(logits, separable.targets))
        history.append((total / 16, validation_loss, accuracy))
        now = accuracy, -validation_loss
        if best is None or now > best[0]:
            best = now, epoch + 1, {n: x.detach().clone() for n, x in net.named_parameters()}
    assert best is not None
    for epoch, (loss, validation_loss, accuracy) in zip(found.history, history, strict=True):
        assert epoch.loss == pytest.approx(loss, rel=1e-5)
        assert epoch.validation_loss == pytest.approx(validation_loss, rel=1e-5)
        assert epoch.accuracy == accuracy
    assert [x.learning_rate for x in found.history] == pytest.approx(rates[2::3])
    assert found.best == found.history[best[1] - 1]
    for parameter, value in found.net.named_parameters():
        torch.testing.assert_close(value.detach(), best[2][parameter])
    assert bool((found.net.get_parameter("fc1.weight")[~kept] == 0).all())


def test_what_is_given_stays_as_it_is(separable: Task) -> None:
    net = masked_mlp()
    net.train()
    before = copy.deepcopy(net)
    numpy_state = str(np.random.get_state())  # noqa: NPY002
    torch_state = torch.random.get_rng_state()
    cudnn = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    found = fit(net, separable, SGD, rng=0)
    assert same_state(net, before)
    assert net.training
    assert not found.net.training
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic) == cudnn


@pytest.mark.parametrize("name", NETS)
def test_the_same_seed_gives_the_same_bits(name: str, few_digits: Task) -> None:
    recipe = replace(SGD, epochs=2, batch_size=25)
    one, two, other = (fit(NETS[name](), few_digits, recipe, rng=seed) for seed in (3, 3, 4))
    assert same(one, two)
    assert not same_state(one.net, other.net)
    torch.rand(3)  # what else is drawn does not matter
    generator = fit(NETS[name](), few_digits, recipe, rng=np.random.default_rng(9))
    assert same(generator, fit(NETS[name](), few_digits, recipe, rng=generator.seed))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("kind", RECIPES)
def test_resumed_is_uninterrupted(name: str, kind: str, few_digits: Task, tmp_path: Path) -> None:
    recipe, paths = replace(RECIPES[kind], batch_size=25), [tmp_path / x for x in ("a", "b", "c")]
    whole = fit(NETS[name](), few_digits, recipe, rng=2, log=paths[0])
    for stop in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            fit(
                *(NETS[name](), few_digits, recipe),
                rng=2,
                checkpoint=paths[1],
                log=paths[2],
                progress=stop_after(stop),
            )
        torch.rand(5)
    epochs: list[int] = []
    resumed = fit(
        *(NETS[name](), few_digits, recipe),
        rng=2,
        checkpoint=paths[1],
        log=paths[2],
        progress=lambda epoch: epochs.append(epoch.epoch),
    )
    assert epochs == [4]
    assert same(whole, resumed)
    assert paths[0].read_bytes() == paths[2].read_bytes()


def test_checkpoints_hold_every_state_to_the_bit(few_digits: Task, tmp_path: Path) -> None:
    """Not only the result: optimizer and running statistics after the last epoch, too."""
    recipe = replace(RECIPES["adam"], batch_size=25)
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    fit(NETS["dropout"](), few_digits, recipe, rng=2, checkpoint=one)
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(NETS["dropout"](), few_digits, recipe),
            rng=2,
            checkpoint=two,
            progress=stop_after(2),
        )
    fit(NETS["dropout"](), few_digits, recipe, rng=2, checkpoint=two)
    assert one.read_bytes() == two.read_bytes()


def test_a_finished_training_is_not_begun_again(separable: Task, tmp_path: Path) -> None:
    path = tmp_path / "new" / "fit.pt"
    whole = fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)
    again = fit(masked_mlp(), separable, SGD, checkpoint=path, progress=stop_after(1))
    assert same(whole, again)  # rng None: the seed of the checkpoint


def test_checkpoints_are_plain_and_on_the_cpu(
    separable: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.pt"
    fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)
    content = torch.load(path, weights_only=True)
    state, about = content["state"]["state"], json.loads(content["about"])
    assert set(state) >= {"fc1.weight", "fc1.weight_mask", "fc2.bias"}
    assert state["fc1.weight_mask"].dtype == torch.bool
    assert about["seed"] == 2
    assert about["recipe"]["optimizer"] == "sgd"
    assert bool((state["fc1.weight"][~state["fc1.weight_mask"]] == 0).all())
    asked: dict[str, Any] = {}
    true_load = torch.load

    def spy(file: Any, **options: Any) -> Any:
        asked.update(options)
        return true_load(file, **options)

    monkeypatch.setattr(torch, "load", spy)
    fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)
    assert {"map_location": "cpu", "weights_only": True}.items() <= asked.items()


def test_a_write_that_fails_leaves_the_last_checkpoint(
    separable: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, log = tmp_path / "fit.pt", tmp_path / "log.jsonl"
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(masked_mlp(), separable, SGD),
            rng=2,
            checkpoint=path,
            log=log,
            progress=stop_after(2),
        )
    before = path.read_bytes()

    def full(content: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OutputError, match="no space"):
            fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path, log=log)
    assert path.read_bytes() == before
    assert sorted(x.name for x in tmp_path.iterdir()) == ["fit.pt", "log.jsonl"]
    resumed = fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path, log=log)
    assert same(resumed, fit(masked_mlp(), separable, SGD, rng=2))
    assert len(log.read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"recipe": replace(SGD, epochs=5)}, "recipe epochs 4, this is 5"),
        ({"recipe": replace(SGD, momentum=0.5)}, "recipe momentum 0.9, this is 0.5"),
        ({"rng": 3}, "seed 2, this is 3"),
        ({"task": task("reused")}, "task name 'input-separable', this is 'reused'"),
        ({"net": initial_net(MLP((4, 13, 4)), rng=1)}, r"net layers fc1 .*out_features=12"),
        ({"net": initial_net(MLP((4, 12, 4)), rng=1)}, "net shapes fc1.weight_mask"),
        (
            {"net": initial_net(MLP((4, 12, 4), activation="tanh"), rng=1)},
            r"net layers relu1 'ReLU\(\)', this is None",
        ),
    ],
)
def test_checkpoints_of_something_else_are_refused(
    change: dict[str, Any], text: str, separable: Task, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    given = {"net": masked_mlp(), "task": separable, "recipe": SGD, "rng": 2}
    fit(**given, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(FormatError, match=text):
        fit(**{**given, **change}, checkpoint=path)
    assert path.read_bytes() == before


def test_other_samples_and_other_initial_weights_are_refused(
    separable: Task, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)
    changed = replace(separable, inputs=separable.inputs.flip(0))
    with pytest.raises(FormatError, match="task samples"):
        fit(masked_mlp(), changed, SGD, rng=2, checkpoint=path)
    net = masked_mlp()
    with torch.no_grad():
        net.get_parameter("fc2.bias")[0] += 1
    with pytest.raises(FormatError, match="net initial state"):
        fit(net, separable, SGD, rng=2, checkpoint=path)


def test_other_validation_samples_are_refused(few_digits: Task, tmp_path: Path) -> None:
    held_out, path = few_digits.validation, tmp_path / "fit.pt"
    recipe = replace(SGD, batch_size=25)
    fit(masked_mlp(64, 10), few_digits, recipe, rng=2, checkpoint=path)
    changed = replace(few_digits, held_out=replace(held_out, inputs=held_out.inputs + 1))
    with pytest.raises(FormatError, match="task validation"):
        fit(masked_mlp(64, 10), changed, recipe, rng=2, checkpoint=path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        {"format": "netsculpt model", "version": 1},
        [1, 2],
    ],
)
def test_other_files_are_no_checkpoints(content: Any, separable: Task, tmp_path: Path) -> None:
    path = tmp_path / "fit.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(FormatError, match=r"is not a saved state .*: remove it"):
        fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": None},
        {"state": {}},
        {"state": {"fc1.weight": torch.zeros(3)}},
        {"optimizer": {"state": {}, "param_groups": []}},
        {"best_state": [1]},
        {"history": [{"epoch": 1}]},
        {"history": 4},
    ],
)
def test_damaged_checkpoints_are_named(
    change: dict[str, Any], separable: Task, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "state": {**content["state"], **change}}, path)
    with pytest.raises(FormatError, match=r"is not a saved state .*: remove it"):
        fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path)


def test_checkpoints_run_no_code(separable: Task, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "touched",))

    torch.save({"format": "netsculpt state", "version": 1, "about": Evil()}, tmp_path / "a.pt")
    with pytest.raises(UnsafeFileError):
        fit(masked_mlp(), separable, SGD, rng=2, checkpoint=tmp_path / "a.pt")
    assert not (tmp_path / "touched").exists()


def test_best_is_the_highest_accuracy_then_the_lowest_loss(separable: Task) -> None:
    recipe = replace(SGD, epochs=40, optimizer="adam", learning_rate=0.3)
    found = fit(initial_net(MLP((4, 12, 4)), rng=1), separable, recipe, rng=0)
    ranks = np.array([(-x.validation_loss, x.accuracy) for x in found.history])
    assert found.best == found.history[np.lexsort(ranks.T)[-1]]
    assert sum(x.accuracy == found.best.accuracy for x in found.history) > 1
    assert found.best != found.history[-1]  # else this test shows nothing
    logits = found.net(separable.inputs).detach()
    assert separable.goal.accuracy(logits, separable.targets) == found.best.accuracy
    loss = float(separable.goal.loss(logits, separable.targets))
    assert loss == pytest.approx(found.best.validation_loss)


def test_layers_are_judged_in_eval_mode(few_digits: Task) -> None:
    found = fit(NETS["dropout"](), few_digits, replace(SGD, batch_size=25), rng=0)
    judged = few_digits.validation
    logits = found.net(judged.inputs).detach()
    assert judged.goal.accuracy(logits, judged.targets) == found.best.accuracy
    loss = float(judged.goal.loss(logits, judged.targets))
    assert loss == pytest.approx(found.best.validation_loss)


def test_optimizers_gather_nothing_where_weights_are_pruned(
    separable: Task, tmp_path: Path
) -> None:
    path = tmp_path / "fit.pt"
    fit(masked_mlp(), separable, RECIPES["adam"], rng=0, checkpoint=path)
    content = torch.load(path, weights_only=True)["state"]
    pruned = ~content["state"]["fc1.weight_mask"]
    moments = content["optimizer"]["state"][0]
    assert bool((content["state"]["fc1.weight"][pruned] == 0).all())
    for name in ("exp_avg", "exp_avg_sq"):
        assert bool((moments[name][pruned] == 0).all())
        assert bool((moments[name][~pruned] != 0).any())


def test_stops_at_the_goal(separable: Task, tmp_path: Path) -> None:
    recipe = Recipe(epochs=400, batch_size=8, learning_rate=0.02, goal_accuracy=1.0)
    found = fit(masked_mlp(), separable, recipe, rng=0, checkpoint=tmp_path / "a")
    assert [x.accuracy == 1.0 for x in found.history].index(True) == len(found.history) - 1
    assert len(found.history) < 400
    assert found.best == found.history[-1]
    again = fit(masked_mlp(), separable, recipe, checkpoint=tmp_path / "a", progress=stop_after(1))
    assert same(found, again)


def test_digits_are_learnt(digits: Task) -> None:
    recipe = Recipe(epochs=12, batch_size=64, learning_rate=3e-3, schedule="cosine")
    found = fit(initial_net(MLP((64, 64, 10)), rng=0), digits, recipe, rng=0)
    assert found.best.accuracy > 0.95
    logits = found.net(digits.validation.inputs)
    assert digits.goal.accuracy(logits, digits.validation.targets) == found.best.accuracy


def test_validation_in_parts_is_validation(digits: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, net = replace(SGD, epochs=1, batch_size=500), initial_net(MLP((64, 10)), rng=0)
    whole = fit(net, digits, recipe, rng=0).best
    monkeypatch.setattr(evaluating, "_AT_ONCE", 100)  # 359 samples: the last part is smaller
    parts = fit(net, digits, recipe, rng=0).best
    assert parts.accuracy == whole.accuracy
    assert parts.validation_loss == pytest.approx(whole.validation_loss, rel=1e-6)


def test_losses_that_are_not_finite_are_errors(separable: Task, tmp_path: Path) -> None:
    recipe = replace(SGD, learning_rate=1e30, epochs=5)
    with pytest.raises(LimitError, match=r"the loss is (nan|inf).* after epoch .*learning rate"):
        fit(masked_mlp(), separable, recipe, rng=0, log=tmp_path / "log.jsonl")
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_nets_with_other_outputs_are_refused(separable: Task) -> None:
    with pytest.raises(FormatError, match=r"returns \[2, 3\] .*needs \[2, 4\]"):
        fit(MLP((4, 3)).build(), separable, SGD, rng=0)


def test_devices(separable: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def spy(name: str) -> torch.device:
        asked.append(name)
        return torch.device("cpu")

    if not torch.cuda.is_available():
        with pytest.raises(LimitError, match="'cuda:7' cannot be used"):
            fit(masked_mlp(), separable, SGD, rng=0, device="cuda:7")
    monkeypatch.setattr(loop, "usable_device", spy)
    fit(masked_mlp(), separable, SGD, rng=0, device=torch.device("cuda", 1))
    assert asked == ["cuda:1"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", [x for x in NETS if x != "lstm"])  # needs CUBLAS_WORKSPACE_CONFIG
def test_resumed_is_uninterrupted_on_a_gpu(name: str, few_digits: Task, tmp_path: Path) -> None:
    recipe, path = replace(RECIPES["sgd"], batch_size=25), tmp_path / "fit.pt"
    before = torch.cuda.get_rng_state()
    whole = fit(NETS[name](), few_digits, recipe, rng=2, device="cuda")
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(NETS[name](), few_digits, recipe),
            rng=2,
            checkpoint=path,
            progress=stop_after(2),
            device="cuda",
        )
    resumed = fit(NETS[name](), few_digits, recipe, rng=2, checkpoint=path, device="cuda")
    assert same(whole, resumed)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert next(resumed.net.parameters()).device.type == "cuda"
    stored = torch.load(path, weights_only=True)["state"]["state"]
    assert {x.device.type for x in stored.values()} == {"cpu"}
    on_cpu = fit(NETS[name](), few_digits, recipe, rng=2, checkpoint=path)
    assert on_cpu.history == whole.history


def test_a_line_of_json_an_epoch(separable: Task, tmp_path: Path) -> None:
    path, epochs = tmp_path / "new" / "log.jsonl", []
    found = fit(masked_mlp(), separable, SGD, rng=0, log=path, progress=epochs.append)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [Epoch(**line) for line in lines] == list(found.history) == epochs
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    with pytest.raises(FormatError, match="holds other lines than the 0 finished epochs"):
        fit(masked_mlp(), separable, SGD, rng=0, log=path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == lines


@pytest.mark.parametrize("left", [0, 40, -1])
def test_lines_that_were_cut_are_completed(left: int, separable: Task, tmp_path: Path) -> None:
    path, log = tmp_path / "fit.pt", tmp_path / "log.jsonl"
    with pytest.raises(KeyboardInterrupt):
        fit(
            *(masked_mlp(), separable, SGD),
            rng=2,
            checkpoint=path,
            log=log,
            progress=stop_after(2),
        )
    log.write_bytes(log.read_bytes()[:left])
    fit(masked_mlp(), separable, SGD, rng=2, checkpoint=path, log=log)
    assert [json.loads(x)["epoch"] for x in log.read_text().splitlines()] == [1, 2, 3, 4]


def test_tensorboard_that_is_not_there(
    separable: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(NetsculptError, match=r"pip install 'netsculpt\[tensorboard\]'"):
        fit(masked_mlp(), separable, SGD, rng=0, tensorboard=tmp_path / "runs")


def test_tensorboard_gets_every_epoch(
    separable: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int) -> None:
            written.append((Path(folder).name, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def flush(self) -> None: ...

        def close(self) -> None:
            written.append("closed")

    fake = types.ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    given = {"rng": 0, "tensorboard": tmp_path / "runs", "checkpoint": tmp_path / "fit.pt"}
    with pytest.raises(KeyboardInterrupt):
        fit(masked_mlp(), separable, SGD, **given, progress=stop_after(3))
    assert written[0] == ("runs", 1)
    assert written[-1] == "closed"
    found = fit(masked_mlp(), separable, SGD, **given)
    assert ("runs", 4) in written
    accuracies = [x[1:] for x in written if x[0] == "accuracy"]
    assert accuracies == [(x.accuracy, x.epoch) for x in found.history]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"epochs": 0}, {"batch_size": 0}, {"optimizer": "lion"}, {"learning_rate": -0.1}),
        *({"learning_rate": float("nan")}, {"schedule": "linear"}, {"warmup": 20}, {"warmup": -1}),
        *({"milestones": (2,)}, {"schedule": "step"}, {"weight_decay": -1.0}, {"momentum": 1.0}),
        *({"nesterov": True, "momentum": 0.0}, {"betas": (0.9, 1.0)}, {"noise": -0.1}),
        {"goal_accuracy": 1.5},
        *({"learning_rate": 1e39}, {"weight_decay": 1e308}, {"noise": 1e39}),
        {"schedule": "step", "milestones": tuple(range(9)), "factor": 1e9},  # 1e-3 to 1e78
    ],
)
def test_wrong_recipes(wrong: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match=r"of a recipe is .* is needed"):
        Recipe(**wrong)


def test_a_recipe_that_moves_nothing_is_refused(separable: Task) -> None:
    with pytest.raises(FormatError, match="trains nothing"):
        fit(initial_net(MLP((4, 3, 2)), rng=0), separable, Recipe(learning_rate=0.0), rng=0)


def test_learning_rates() -> None:
    warm = Recipe(learning_rate=2.0, epochs=10, warmup=2)
    assert [learning_rate(warm, step, 2) for step in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    steps = Recipe(learning_rate=1.0, epochs=9, schedule="step", milestones=(1, 3), factor=0.5)
    found = [learning_rate(steps, step, 2) for step in range(8)]
    assert found == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
    cosine = Recipe(learning_rate=1.0, epochs=5, schedule="cosine", warmup=1)
    falling = [learning_rate(cosine, step, 4) for step in range(4, 20)]
    assert falling[0] == 1.0
    assert falling[8] == pytest.approx(0.5)
    assert all(a > b for a, b in pairwise(falling))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    peer = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=16)
    for rate in falling:
        assert rate == pytest.approx(peer.get_last_lr()[0])
        optimizer.step()
        peer.step()


@pytest.mark.parametrize("name", ["hpu", "mps", "xla", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(
        LimitError, match=rf"device '{name}' cannot be used here .{{1,300}}: use 'cpu'"
    ):
        usable_device(name)


def test_gradients_are_clipped_by_their_root_mean_square() -> None:
    net, samples = initial_net(MLP((64, 10)), rng=0), task("digits", rng=0)
    steps = {}
    for rms in (None, 1e-3, 1e3):
        recipe = Recipe(
            epochs=1, batch_size=5000, optimizer="sgd", momentum=0.0, learning_rate=0.5,
            gradient_rms=rms,
        )  # fmt: skip
        trained = fit(net, samples, recipe, rng=0).net
        moved = zip(net.parameters(), trained.parameters(), strict=True)
        steps[rms] = torch.cat([(a - b).detach().flatten() for a, b in moved]) / 0.5
    assert torch.equal(steps[None], steps[1e3])
    assert float((steps[1e-3] ** 2).mean().sqrt()) == pytest.approx(1e-3, rel=1e-3)
    torch.testing.assert_close(steps[1e-3] / steps[1e-3].norm(), steps[None] / steps[None].norm())
