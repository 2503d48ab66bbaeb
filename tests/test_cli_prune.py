"""``netsculpt prune`` and ``netsculpt train``: files, reports, mistakes, being killed."""

from __future__ import annotations

import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import astuple
from pathlib import Path
from typing import Any

import commands
import pytest
import torch

import netsculpt
from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.random import stream
from netsculpt.files.model import Model, read_model, write_model
from netsculpt.nets import (
    LSTM,
    MLP,
    VGG,
    ResNet,
    initial_net,
    mask_net,
    net_from_model,
    plain_state,
    weight_counts,
)
from netsculpt.nets.initialisations import he
from netsculpt.training import Recipe, fit, prune, shuffled
from netsculpt.training.pruning.phew import phew
from netsculpt.training.tasks import parse_task

MLP_SPEC = ("--net", "mlp:64,24,24,10")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in this process, in a new folder: its exit code, and what it printed."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: astuple(commands.cli(*arguments, columns=160))


def kept(path: str | Path) -> dict[str, int]:
    return {name: int(mask.sum()) for name, mask in read_model(path).masks.items()}


def test_phew_of_a_new_net(cli: Any) -> None:
    arguments = ("prune", *MLP_SPEC, "--density", 0.1, "--seed", 3)
    code, out, err = cli(*arguments, "-o", "a.pt")
    assert (code, err) == (0, "")
    assert "phew" in out
    assert "netsculpt analyze a.pt" in out
    model = read_model("a.pt")
    assert model.net == MLP((64, 24, 24, 10)).spec
    start = he(initial_net(MLP((64, 24, 24, 10)), rng=3), rng=stream(3, "initial weights"))
    weight, mask = start.get_parameter("fc2.weight"), model.masks["fc2.weight"]
    assert torch.equal(model.state["fc2.weight"], weight * mask)
    assert cli(*arguments, "-o", "b.pt")[0] == 0
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()
    assert cli("prune", *MLP_SPEC, "--seed", 4, "-o", "c.pt")[0] == 0
    assert kept("c.pt") != kept("a.pt")
    graph = netsculpt.load("a.pt")
    assert graph.n_edges == sum(kept("a.pt").values())


def test_threads_make_the_same_model(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def recorded(*arguments: Any, jobs: int, **named: Any) -> Any:
        seen.append(jobs)
        return phew(*arguments, jobs=jobs, **named)

    methods = {"phew": recorded}
    monkeypatch.setattr("netsculpt.training.pruning.prune._WITHOUT_SCORES", methods)
    assert cli("prune", *MLP_SPEC, "-o", "a.pt")[0] == 0
    assert cli("prune", *MLP_SPEC, "--jobs", 2, "-o", "b.pt")[0] == 0
    assert seen == [1, 2]
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()


def test_every_option_reaches_the_pruner(cli: Any) -> None:
    options = ("--method", "snip", "--task", "digits", "--allocation", "erk", "--rounds", 2)
    more = ("--schedule", "linear", "--dense", "fc3.weight", "--n-samples", 64, "--json")
    more += ("--figures", "none")
    code, out, err = cli("prune", *MLP_SPEC, "--density", 0.1, *options, *more, "-o", "x.pt")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["kept"] == round(0.1 * (64 * 24 + 24 * 24)) + 240
    expected = {"allocation": "erk", "schedule": "linear", "rounds": 2, "scope": "weight"}
    assert expected.items() <= said.items()
    assert said["n_samples"] == 64
    assert read_model("x.pt").metadata["pruning"] == {k: x for k, x in said.items() if k != "model"}
    assert set(kept("x.pt")) == {"fc1.weight", "fc2.weight"}


def test_pruning_a_file_further(cli: Any) -> None:
    assert cli("prune", *MLP_SPEC, "--method", "random", "--density", 0.5, "-o", "a.pt")[0] == 0
    code, _, err = cli("prune", "a.pt", "--method", "magnitude", "--density", 0.2, "-o", "b.pt")
    assert (code, err) == (0, "")
    before, after = read_model("a.pt").masks, read_model("b.pt").masks
    assert all(not (mask & ~before[name]).any() for name, mask in after.items())
    assert "initial" in read_model("b.pt").metadata
    code, _, err = cli("prune", "a.pt", "--method", "magnitude", "--density", 0.8, "-o", "b.pt")
    assert code == 3
    assert "choose a lower density" in err


def test_baselines(cli: Any) -> None:
    options = ("prune", *MLP_SPEC, "--method", "magnitude", "--density", 0.1)
    for name in ("shuffled", "reinitialised", "inverted"):
        assert cli(*options, "--baseline", name, "-o", f"{name}.pt")[0] == 0
    assert cli(*options, "-o", "plain.pt")[0] == 0
    plain, other = read_model("plain.pt"), read_model("reinitialised.pt")
    assert kept("shuffled.pt") == kept("plain.pt")
    expected = shuffled(plain.masks, rng=stream(0, "shuffled"))
    assert all(torch.equal(x, expected[k]) for k, x in read_model("shuffled.pt").masks.items())
    assert all(torch.equal(x, plain.masks[k]) for k, x in other.masks.items())
    mask = plain.masks["fc1.weight"]
    assert not torch.equal(other.state["fc1.weight"], plain.state["fc1.weight"])
    assert (other.state["fc1.weight"][~mask] == 0).all()
    inverse = read_model("inverted.pt")
    assert not (inverse.masks["fc1.weight"] & mask).any()
    assert inverse.metadata["pruning"]["method"] == "inverted magnitude"


def test_repair_and_fan_in(cli: Any) -> None:
    options = ("prune", "--net", "resnet:1x8x8:10:4,6:1", "--method", "magnitude")
    assert "--repair fixes that" in " ".join(cli(*options, "--density", 0.02)[1].split())
    code, out, _ = cli(*options, "--density", 0.02, "--repair", "--fan-in-corrected", "-o", "r.pt")
    assert code == 0
    assert "Repaired:" in out
    assert netsculpt.load("r.pt").live().outputs.size == 10
    plain = ("prune", *MLP_SPEC, "--method", "magnitude", "--density", 0.1)
    assert cli(*plain, "-o", "a.pt")[0] == cli(*plain, "--fan-in-corrected", "-o", "b.pt")[0] == 0
    one, two = (read_model(name).state["fc1.weight"] for name in ("a.pt", "b.pt"))
    n_in = (one != 0).sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(two, one * (64 / n_in).sqrt())


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("resnet:3x32x32:10", ResNet((3, 32, 32), 10)),
        ("resnet:1x8x8:10:4,6:2", ResNet((1, 8, 8), 10, (4, 6), 2)),
        ("vgg:3x8x8:8,8/16:10", VGG((3, 8, 8), ((8, 8), (16,)), 10)),
        ("vgg:3x8x8:8:10:5", VGG((3, 8, 8), ((8,),), 10, (5,))),
        ("mlp:4,3,2:tanh", MLP((4, 3, 2), "tanh")),
        ("lstm:8x8:16:10:2", LSTM((8, 8), 16, 10, 2)),
    ],
)
def test_specs(text: str, spec: Any) -> None:
    from netsculpt.cli.nets import spec_of

    assert spec_of(text) == spec


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("prune",), "neither found"),
        (("prune", "a.pt", *MLP_SPEC), "both found"),
        (("prune", "--net", "mpl:3,4"), "did you mean mlp"),
        (("prune", "--net", "mlp:3,four"), "'four' is not a whole number"),
        (("prune", "--net", "mlp:3"), "2 or more whole numbers above 0"),
        (("prune", "--net", "mlp:0,1"), "2 or more whole numbers above 0"),
        (("prune", "--net", "mlp:3,4:rleu"), "activation"),
        (("prune", "--net", "resnet:1x8x8"), "resnet:image:n_outputs[:widths][:blocks]"),
        (("prune", *MLP_SPEC, "--method", "synflo"), "synflow"),
        (("prune", *MLP_SPEC, "--densty", "1"), "--density"),
        (("prune", *MLP_SPEC, "--density", "1.1"), "--density"),
        (("prune", *MLP_SPEC, "--jobs", "0"), "0 jobs do nothing"),
        (("prune", *MLP_SPEC, "--init", "hee"), "he"),
        (("prune", *MLP_SPEC, "--method", "grasp"), "name the task"),
        (("prune", *MLP_SPEC, "--scope", "kernel"), "phew does not rank weights by a score"),
        (("prune", *MLP_SPEC, "--baseline", "inverted"), "--baseline inverted: phew does not rank"),
        (("prune", "--net", "mlp:63,10", "--task", "digits"), "64 inputs and 10 outputs"),
        (("prune", *MLP_SPEC, "--task", "digit"), "no task"),
        (("prune", *MLP_SPEC, "--task", "overlap-9-use-2"), "can share 0 … 4"),
        (("prune", *MLP_SPEC, "--task", "levels-0"), "uses"),
        (("prune", *MLP_SPEC, "--task", "digits:5-99"), "has no class 10"),
        (("train", *MLP_SPEC), "a task is needed"),
        (("train", *MLP_SPEC, "--task", "digits", "--warmup", "99"), "warmup"),
        (("train", *MLP_SPEC, "--task", "digits", "--schedule", "cosin"), "cosine"),
        (("train", *MLP_SPEC, "--task", "digits", "--milestones", "a"), "not a list of epochs"),
        (("train", *MLP_SPEC, "--task", "digits", "--learning-rate", "0"), "above 0"),
        (("train", *MLP_SPEC, "--task", "digits", "--learning-rate", "1e308"), "to 3.4e+38"),
        (("train", *MLP_SPEC, "--task", "digits", "--weight-decay", "1e308"), "to 3.4e+38"),
        (("train", *MLP_SPEC, "--task", "digits", "--noise", "inf"), "finite"),
        (("train", *MLP_SPEC, "--task", "digits", "--goal-accuracy", "500"), "100"),
        (("train", *MLP_SPEC, "--task", "digits", "--device", "ünï"), "the name of a device"),
        (("train", *MLP_SPEC, "--task", "digits", "--device", ""), "is empty"),
        (("train", *MLP_SPEC, "--task", "digits", "-o", "a" * 300), "300 bytes"),
        (("analyze", "m.pt", "--width", "x"), "'x' is not one of neurips, icml"),
        (("train", "m.pt", "--task", "digits", "-o", "m.pt"), "overwritten"),
    ],
)
def test_mistyped(arguments: tuple[str, ...], text: str, cli: Any) -> None:
    code, _, err = cli(*arguments)
    assert code == 2
    assert text in " ".join(err.replace("│", " ").split())
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("prune", "nothing.pt"), "nothing.pt"),
        (("prune", *MLP_SPEC, "--method", "random", "--dense", "fc1.wieght"), "fc1.weight"),
    ],
)
def test_what_cannot_be_read(arguments: tuple[str, ...], text: str, cli: Any) -> None:
    code, _, err = cli(*arguments)
    assert code == 3
    assert text in err
    assert "Traceback" not in err


def test_training_a_pruned_net(cli: Any) -> None:
    assert cli("prune", *MLP_SPEC, "--density", 0.2, "-o", "a.pt")[0] == 0
    options = ("--task", "digits", "--epochs", 4, "--learning-rate", 0.01, "--seed", 5)
    options += ("--figures", "none")
    code, out, err = cli("train", "a.pt", *options, "-o", "b.pt")
    assert (code, err) == (0, "")
    assert "Accuracy" in out
    recipe = Recipe(epochs=4, learning_rate=0.01)
    found = fit(net_from_model(read_model("a.pt")), parse_task("digits", rng=0), recipe, rng=5)
    model = read_model("b.pt")
    assert kept("b.pt") == kept("a.pt")
    state, _ = plain_state(found.net)
    assert all(torch.equal(x, state[name]) for name, x in model.state.items())
    assert model.metadata["training"]["best"]["accuracy"] == found.best.accuracy
    assert model.metadata["pruning"]["method"] == "phew"
    lines = [json.loads(line) for line in Path("b.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    before = Path("b.pt").read_bytes()
    assert cli("train", "a.pt", *options, "-o", "b.pt")[0] == 2, "it would start again"
    code, out, _ = cli("train", "a.pt", *options, "-o", "b.pt", "--resume", "--json")
    assert (code, Path("b.pt").read_bytes()) == (0, before)
    assert json.loads(out)["kept"] == weight_counts(found.net).summary()["kept"]
    code, _, err = cli("train", "a.pt", *options, "-o", "b.pt", "--resume", "--noise", 0.1)
    assert code == 3
    assert "noise" in err


def process(*arguments: object, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "netsculpt", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(how: int, n_lines: int, command: tuple[object, ...], folder: Path) -> str:
    """Send a signal once the log has so many lines; what it wrote to stderr."""
    killed, log = process(*command, folder=folder), folder / "part.jsonl"
    while not (log.exists() and log.read_text().count("\n") >= n_lines):
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.005)
    killed.send_signal(how)
    _, err = killed.communicate(timeout=60)
    assert killed.returncode == (130 if how == signal.SIGINT else -how)
    assert not (folder / "part.pt").exists()
    return err


@pytest.mark.slow
def test_an_interrupted_training_resumes_to_the_same_bits(cli: Any, tmp_path: Path) -> None:
    options = ("--task", "digits", "--epochs", 25, "--batch-size", 64, "--seed", 2)
    options += ("--figures", "none")
    command = ("train", *MLP_SPEC, *options, "-o", "part.pt", "--resume")
    assert "--resume" in interrupt(signal.SIGINT, 2, command, tmp_path)
    interrupt(signal.SIGKILL, 6, command, tmp_path)
    assert cli(*command)[0] == 0
    assert cli("train", *MLP_SPEC, *options, "-o", "whole.pt")[0] == 0
    assert (tmp_path / "part.pt").read_bytes() == (tmp_path / "whole.pt").read_bytes()
    assert (tmp_path / "part.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_an_interrupted_pruning_resumes(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("prune", *MLP_SPEC, "--method", "synflow", "--density", 0.05)
    options += ("--figures", "none")
    assert cli(*options, "-o", "whole.pt")[0] == 0
    score, times = catalog("scores")["synflow"], itertools.count()

    def interrupted(*arguments: Any, **others: Any) -> Any:
        if next(times) == 40:
            raise KeyboardInterrupt
        return score(*arguments, **others)

    with monkeypatch.context() as patch:
        module = sys.modules["netsculpt.training.pruning.scores.synflow"]
        patch.setattr(module, "synflow", functools.wraps(score)(interrupted))
        code, _, err = cli(*options, "-o", "part.pt")
    assert (code, "--resume" in err, Path("part.pt").exists()) == (130, True, False)
    code, _, err = cli(*options, "-o", "part.pt")
    assert (code, "--resume" in err) == (2, True)
    assert cli(*options, "-o", "part.pt", "--resume")[0] == 0
    assert Path("part.pt").read_bytes() == Path("whole.pt").read_bytes()
    written = ["part.history", "part.pt", "whole.history", "whole.pt"]
    assert sorted(x.name for x in Path().iterdir()) == written
    for name in ("masks.record", "history.csv", "layers.csv"):
        assert Path(written[0], name).read_bytes() == Path(written[2], name).read_bytes()


# --- what load() does with models of families that are no chain ---


def branched(path: Path, spec: Any, **change: Any) -> Path:
    net = initial_net(spec, rng=0)
    mask_net(net, prune(net, method="random", density=0.3, rng=0).masks)
    state, masks = plain_state(net)
    write_model(path, net={**spec.spec, **change}, state=state, masks=masks)
    return path


RESNET = ResNet((1, 8, 8), 5, widths=(3, 4), blocks=1)
RECURRENT = LSTM((4, 6), 5, 3)


@pytest.mark.parametrize("spec", [RESNET, RECURRENT], ids=["resnet", "lstm"])
def test_branched_models_are_rebuilt_and_traced(spec: Any, tmp_path: Path) -> None:
    path = branched(tmp_path / "model.pt", spec)
    graph = netsculpt.load(path)
    traced = netsculpt.trace(net_from_model(read_model(path)), torch.zeros(1, spec.n_inputs))
    assert graph.layers == traced.layers
    assert graph.blocks == traced.blocks
    assert (graph.weights != traced.weights).nnz == 0
    first = graph.provenance[0]
    assert (first.function, first.parameters["edges"]) == ("load", "mask")
    assert first.input_hash is not None
    masks = dict(read_model(path).masks)
    torch.save(masks, tmp_path / "masks.pt")
    again = netsculpt.load(path, mask=tmp_path / "masks.pt")
    assert (again.n_edges, "mask_hash" in again.provenance[0].parameters) == (graph.n_edges, True)
    torch.save({name: ~x for name, x in masks.items()}, tmp_path / "other.pt")
    with pytest.raises(FormatError, match="differs from the one in"):
        netsculpt.load(path, mask=tmp_path / "other.pt")


def test_nonfinite_weights_of_branched_models_need_consent(tmp_path: Path) -> None:
    path = branched(tmp_path / "model.pt", RESNET)
    model: Model = read_model(path)
    broken = model.state["fc.weight"].clone()
    broken[tuple(model.masks["fc.weight"].nonzero()[0])] = torch.nan
    state = {**model.state, "fc.weight": broken}
    write_model(path, net=model.net, state=state, masks=model.masks)
    with pytest.raises(FormatError, match="NaN"):
        netsculpt.load(path)
    graph = netsculpt.load(path, allow_nonfinite=True)
    assert graph.provenance[0].parameters["nonfinite_dropped"] == 1


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        (RESNET, {"blocks": 10**9}),
        (RESNET, {"blocks": -1}),
        (RESNET, {"widths": [3, 10**15]}),
        (RESNET, {"image": [1, 10**12, 10**12]}),
        (RESNET, {"n_outputs": 10**400}),
        (RESNET, {"n_outputs": 6}),
        (RESNET, {"more": 1}),
        (RECURRENT, {"layers": 10**9}),
        (RECURRENT, {"layers": 2}),
        (RECURRENT, {"hidden": 10**30}),
        (RECURRENT, {"sequence": [10**12, 6]}),
        (RECURRENT, {"sequence": None}),
    ],
)
def test_descriptions_that_do_not_fit_their_state(
    spec: Any, change: dict[str, Any], tmp_path: Path
) -> None:
    path = branched(tmp_path / "model.pt", spec, **change)
    with pytest.raises(FormatError, match=r"'model\.pt': "):
        netsculpt.load(path)


def test_images_that_no_parameter_vouches_for_are_limited(tmp_path: Path) -> None:
    path = branched(tmp_path / "model.pt", RESNET, image=[1, 1024, 1025])
    with pytest.raises(LimitError, match="1049600 numbers"):
        netsculpt.load(path)
