"""``netsculpt train --sparse``: what it writes, mistakes, interruptions."""

from __future__ import annotations

import json
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any

import commands
import pytest
import torch

from netsculpt.cli.nets import NewNet, start_net
from netsculpt.files.model import read_model
from netsculpt.files.saved_state import write_state
from netsculpt.training import Recipe, dynamic, fit
from netsculpt.training.tasks import parse_task


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a command line in a folder of its own; gives code, output and errors."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: astuple(commands.cli(*arguments, columns=160))


NET = ("--net", "mlp:64,16,10")
QUICK = ("--task", "digits", "--epochs", 4, "--batch-size", 128)  # 12 steps an epoch
QUICK += ("--figures", "none")


def test_it_writes_a_sparse_model(cli: Any) -> None:
    options = (*QUICK, "--sparse", "rigl", "--density", 0.1, "--every", 5, "--seed", 2)
    code, out, err = cli("train", *NET, *options, "-o", "a.pt")
    assert (code, err) == (0, "")
    assert "Made sparse by rigl: 8 updates" in " ".join(out.split())
    model = read_model("a.pt")
    assert sum(int(x.sum()) for x in model.masks.values()) == round(0.1 * 1184)
    sparse = model.metadata["training"]["sparse"]
    assert (sparse["method"], sparse["update_end"], sparse["updates"]) == ("rigl", 36, 8)
    make = partial(dynamic.rigl, density=0.1, every=5, end=36, rng=2)
    recipe = Recipe(epochs=4, batch_size=128)
    net = start_net(NewNet(net=NET[1]), 2).net
    found = fit(net, parse_task("digits", rng=0), recipe, sparsifier=make, rng=2)
    for name, value in model.state.items():
        assert torch.equal(found.net.state_dict()[name], value)


def test_a_pruned_model_goes_on_from_its_masks(cli: Any) -> None:
    assert cli("prune", *NET, "--density", 0.2, "-o", "a.pt")[0] == 0
    before = {name: int(x.sum()) for name, x in read_model("a.pt").masks.items()}
    options = (*QUICK, "--sparse", "set", "--every", 12, "--json")
    code, out, err = cli("train", "a.pt", *options, "-o", "b.pt")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["sparse"]["updates"], found["kept"]) == (3, sum(before.values()))
    assert {name: int(x.sum()) for name, x in read_model("b.pt").masks.items()} == before
    assert read_model("b.pt").metadata["pruning"]["method"] == "phew"


def test_ac_dc_shows_its_phases(cli: Any) -> None:
    options = ("--epochs", 10, "--batch-size", 256, "--task", "digits", "--optimizer", "sgd")
    options += ("--figures", "none")
    sparse = ("--sparse", "ac_dc", "--density", 0.1, "--phases", "d2 (s1 d1)*2 s4")
    code, out, _ = cli("train", *NET, *options, *sparse, "-o", "a.pt")
    assert code == 0
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert [round(line["density"], 2) for line in lines] == [1, 1, 0.1, 1, 0.1, 1, *[0.1] * 4]
    assert "density" in out
    code, out, _ = cli("train", *NET, *options, *sparse[:4], "-o", "b.pt", "--json")
    assert (code, json.loads(out)["sparse"]["updates"]) == (0, 5)


def test_the_dense_twin_starts_where_the_last_compression_happens(cli: Any) -> None:
    options = ("--epochs", 8, "--batch-size", 256, "--task", "digits", "--optimizer", "sgd")
    options += ("--figures", "none")
    sparse = ("--density", 0.1, "--phases", "d2 s1 d2 s3", "--keep-momentum", "--seed", 4)
    train = ("train", *NET, *options, *sparse)
    twin = (*train, "--sparse", "dense_twin")
    states = ("--phase-states", "states")
    assert cli(*train, "--sparse", "ac_dc", *states, "-o", "sparse.pt")[0] == 0
    names = ["phase1-dense.pt", "phase2-sparse.pt", "phase3-dense.pt"]
    assert sorted(x.name for x in Path("states").iterdir()) == names
    code, out, _ = cli(*twin, "--start-from", "states/phase3-dense.pt", "-o", "dense.pt", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["sparse"]["method"], found["kept"]) == ("dense_twin", 1184)
    assert found["sparse"]["state"] == "keep"
    assert cli(*twin, "-o", "whole.pt")[0] == 0
    for name in ("pt", "jsonl"):
        assert Path(f"dense.{name}").read_bytes() == Path(f"whole.{name}").read_bytes()
    lines = [Path(f"{name}.jsonl").read_text().splitlines() for name in ("sparse", "dense")]
    assert [x == y for x, y in zip(*lines, strict=True)] == [True] * 5 + [False] * 3
    rates = [[json.loads(x)["learning_rate"] for x in of] for of in lines]
    assert rates[0] == rates[1]
    code, _, err = cli(*twin, "--start-from", "states/none.pt", "-o", "other.pt")
    assert code == 3
    assert "there is no states/none.pt to start from" in " ".join(err.split())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--density", "0.1"), "sparse training (--sparse METHOD)"),
        (("--sparse", "rig", "--density", "0.1"), "rigl"),
        (("--sparse", "rigl"), "the net is dense: give a density"),
        (("--sparse", "gmp"), "gmp needs it"),
        (("--sparse", "static", "--density", "0.1", "--every", "3"), "static has no such setting"),
        (("--sparse", "ac_dc", "--density", "0.1", "--phases", "d1 s1"), "last 2 epochs"),
        (("--sparse", "ac_dc", "--density", "0.1", "--phases", "s1"), "such as"),
        (("--sparse", "ac_dc", "--density", "0.1", "--epochs", "5"), "too few"),
        (("--sparse", "rigl", "--density", "1.5"), "--density"),
        (("--sparse", "rigl", "--density", "0.1", "--keep-momentum"), "rigl has no such setting"),
        (("--sparse", "gmp", "--density", "0.1", "--phase-states", "p"), "gmp has no such setting"),
        (("--sparse", "rigl", "--density", "0.1", "--strength", "1"), "rigl has no such setting"),
        (("--sparse", "mest", "--start", "0.5"), "nothing says where it ends"),
        (("--sparse", "cht", "--density", "0.1", "--grow", "ch2"), "ch2_l3n"),
        (("--start-from", "a.pt"), "sparse training (--sparse METHOD)"),
    ],
)
def test_mistyped(options: tuple[str, ...], text: str, cli: Any) -> None:
    code, _, err = cli("train", *NET, "--task", "digits", *options)
    assert code == 2
    assert text in " ".join(err.replace("│", " ").split())
    assert not list(Path().glob("*.pt"))


def test_a_pruned_model_with_a_density_is_refused(cli: Any) -> None:
    assert cli("prune", *NET, "--density", 0.2, "-o", "a.pt")[0] == 0
    code, _, err = cli("train", "a.pt", *QUICK, "--sparse", "rigl", "--density", 0.1, "-o", "b.pt")
    assert code == 3
    assert "leave the density out" in " ".join(err.split())
    gmp = ("--sparse", "gmp", "--density", 0.1)
    code, _, err = cli("train", "a.pt", *QUICK, *gmp, "--every", 5, "-o", "b.pt")
    assert code == 3
    assert "give it a dense net" in " ".join(err.split())


def test_updates_that_are_too_rare_are_refused(cli: Any) -> None:
    gmp = ("--sparse", "gmp", "--density", 0.1)
    code, _, err = cli("train", *NET, *QUICK, *gmp, "-o", "b.pt")
    assert code == 3
    assert "every 100 steps from 0 to 36" in " ".join(err.split())


def test_settings_of_single_methods(cli: Any) -> None:
    for name, settings in (
        ("mest", {"strength": 0.5}),
        ("deep_r", {"penalty": 0.001, "temperature": 0.0001}),
        ("cht", {"temperature": 0.5, "spread": 0.25, "most_returning": 0.9}),
        ("srigl", {"least_salient": 0.25}),
        ("n_of_m", {"n": 1, "m": 2}),
    ):
        options = [
            x for key, value in settings.items() for x in (f"--{key}".replace("_", "-"), value)
        ]
        options += [] if name == "n_of_m" else ["--density", 0.2]
        options += ["--sparse", name, "-o", f"{name}.pt", "--json"]
        code, out, _ = cli("train", *NET, *QUICK, *options)
        assert code == 0
        told = json.dumps(json.loads(out)["sparse"])
        for key, value in settings.items():
            assert key == "spread" or f'"{key}": {value}' in told, (name, key)


def test_growth_by_name(cli: Any) -> None:
    options = ("--sparse", "cht", "--density", 0.2, "--grow", "ch2_l3n", "--json")
    code, out, _ = cli("train", *NET, *QUICK, *options)
    assert code == 0
    assert json.loads(out)["sparse"]["grow"]["score"] == "ch2_l3n"


def test_an_interrupted_training_resumes(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("train", *NET, *QUICK, "--sparse", "granet", "--density", 0.1, "--every", 7)
    assert cli(*options, "-o", "whole.pt")[0] == 0
    written = write_state

    def interrupted(*arguments: Any) -> None:
        written(*arguments)
        if len(arguments[2]["history"]) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("netsculpt.training.fitting.loop.write_state", interrupted)
        assert cli(*options, "-o", "part.pt")[0] == 130
    assert cli(*options, "--every", 8, "-o", "part.pt", "--resume")[0] == 3
    assert cli(*options, "-o", "part.pt", "--resume")[0] == 0
    assert Path("part.pt").read_bytes() == Path("whole.pt").read_bytes()
    assert Path("part.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    for name in ("masks.record", "history.csv", "layers.csv"):
        parts = [Path(f"{run}.history", name).read_bytes() for run in ("part", "whole")]
        assert parts[0] == parts[1]


def test_updates_that_begin_after_they_end_are_named_by_their_options(cli: Any) -> None:
    options = (*QUICK, "--sparse", "rigl", "--density", 0.1, "--begin", 40)
    code, _, err = cli("train", *NET, *options, "-o", "a.pt")
    assert code == 2
    assert "48 steps, and masks stay after step 36 (--end 0.75)" in " ".join(
        err.replace("│", " ").split()
    )


def test_an_interrupted_run_does_not_resume_with_another_density(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, epochs = dynamic.Sparsifier.advance, []

    def interrupted(self: Any, *arguments: Any, **named: Any) -> bool:
        epochs.append(self.n_steps)
        if len(epochs) == 20:
            raise KeyboardInterrupt
        return advance(self, *arguments, **named)

    options = (*QUICK, "--sparse", "set", "--every", 5, "-o", "a.pt")
    with monkeypatch.context() as patched:
        patched.setattr(dynamic.Sparsifier, "advance", interrupted)
        assert cli("train", *NET, *options, "--density", 0.1)[0] == 130
    code, _, err = cli("train", *NET, *options, "--density", 0.2, "--resume")
    assert code == 3
    assert "sparse training with other density" in " ".join(err.split())
    assert cli("train", *NET, *options, "--density", 0.1, "--resume")[0] == 0
