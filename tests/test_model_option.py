"""``--model``: the user's code makes the net, the file has its weights."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import cli
from torch import nn
from torch.nn.utils import prune
from typer.testing import CliRunner, Result

import netsculpt
from netsculpt.cli import app
from netsculpt.cli.messages import explain

RESIDUAL = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Module()
        self.enc.q_proj, self.enc.k_proj = (nn.Linear(4, 4, bias=False) for _ in range(2))

    def forward(self, x):
        return self.enc.k_proj(x + self.enc.q_proj(x))

def net():
    return Net()
"""
QUICK = ("--nulls", "0", "--stability-seeds", "0", "--figures", "none")
CODE = '''
"""Nets, as a researcher's file has them."""
import torch
from torch import nn

print("imported")

class Block(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.skip = nn.Conv2d(3, width, 1, bias=False)
        self.fc = nn.Linear(width, 2)

    def forward(self, x):
        print("called")
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return self.fc((y + self.skip(x)).relu().mean((2, 3)))

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(2, 4)

    def forward(self, x, y):
        return self.a(x) + self.b(y)

class Keywords(Two):
    def forward(self, *, x=None, y=None, batch=None, twice=True):
        x, y = (x, y) if batch is None else (batch["x"], batch["y"])
        return self.a(x) + self.b(y) * (2 if twice else 1)

class Zoo:
    block = staticmethod(lambda: Block())

def block(): return Block()
def wide(width): return Block(width)
def broken(): raise ValueError("no such dataset\\nhere")
def leaves(): raise SystemExit(0)
def tensor(): return torch.zeros(3)
instance = Block()
SIZE = 3
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A researcher's folder: code and pruned weights."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "researchnets").mkdir()
    (folder / "researchnets" / "__init__.py").write_text("")
    (folder / "researchnets" / "zoo.py").write_text(CODE)
    (folder / "my nets.py").write_text("from sibling import *\n")
    (folder / "sibling.py").write_text(CODE)
    (folder / "needs.py").write_text("import no_such_library\n")
    (folder / "script.py").write_text("raise SystemExit('usage: script')\n")
    found: dict[str, type[nn.Module]] = {}
    exec(CODE.replace('print("called")', "pass"), found)
    torch.manual_seed(0)
    net = found["Block"]()
    for layer in (net.conv1, net.conv2, net.skip):
        prune.random_unstructured(layer, "weight", amount=0.5)
    torch.save(net.state_dict(), folder / "w.pt")
    netsculpt.save(netsculpt.trace(net, torch.zeros(1, 3, 8, 8)), folder / "expected.npz")
    two = found["Two"]()
    with torch.no_grad():
        two.a.weight[0] = 0
    torch.save(two.state_dict(), folder / "two.pt")
    tokens = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    torch.save(tokens.state_dict(), folder / "tokens.pt")
    (folder / "tokens.py").write_text(
        "from torch import nn\nnet = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))\n"
    )
    return folder


@pytest.fixture
def in_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "path", [x for x in sys.path if x])
    return home


def run(*arguments: object) -> Result:
    found = CliRunner().invoke(app, [str(x) for x in arguments], env={"COLUMNS": "200"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        found.exit_code = explain(found.exception)  # type: ignore[arg-type]
    return found


def exported(spec: str, *arguments: object, weights: str = "w.pt") -> netsculpt.NetGraph:
    shape = () if "--example-shape" in arguments else ("--example-shape", "1,3,8,8")
    found = run("export", weights, "--model", spec, *shape, *arguments, "-o", "out.npz")
    assert found.exit_code == 0, (found.output, found.exception)
    return netsculpt.load("out.npz")


@pytest.mark.parametrize(
    "spec",
    [
        "researchnets.zoo:block",
        "researchnets/zoo.py:Block",
        "researchnets.zoo:Zoo.block",
        "my nets.py:instance",
    ],
)
def test_ways_to_name_a_net(in_home: Path, spec: str) -> None:
    graph, expected = exported(spec), netsculpt.load(in_home / "expected.npz")
    assert graph.layers == expected.layers
    assert graph.blocks == expected.blocks
    assert np.array_equal(graph.weights.indices, expected.weights.indices)
    assert np.array_equal(graph.weights.data, expected.weights.data)
    assert expected.multiplicity is not None
    assert np.array_equal(graph.multiplicity, expected.multiplicity)


def test_the_provenance_names_the_net(in_home: Path) -> None:
    graph = exported("researchnets.zoo:block")
    named, loaded, traced, *_ = graph.provenance
    assert named.function == "model"
    assert named.parameters["model"] == "researchnets.zoo:block"
    assert named.parameters["example_shape"] == [[1, 3, 8, 8]]
    assert loaded.function == "load_into"
    assert loaded.parameters["edges"] == "mask"
    assert loaded.parameters["path"] == "w.pt"
    assert str(loaded.input_hash).startswith("sha256:")
    assert traced.function == "trace"
    assert traced.parameters["edge_norm"] == "l1"


def test_options_reach_the_trace(in_home: Path) -> None:
    plain, spec = exported("researchnets.zoo:block"), "researchnets.zoo:block"
    given = {"edge_norm": "l2", "granularity": "channel", "norms": "dense", "unroll": 2}
    options = [x for key, value in given.items() for x in (f"--{key.replace('_', '-')}", value)]
    graph = exported(spec, *options)
    traced = next(x for x in graph.provenance if x.function == "trace").parameters
    assert {key: traced[key] for key in given} == given
    assert not np.array_equal(graph.weights.data, plain.weights.data)
    unfolded = exported(spec, "--no-fold-norms")
    assert not np.array_equal(unfolded.weights.data, plain.weights.data)
    found = run("export", "w.pt", "--model", spec, "--example-shape", "1,3,8,8", "--max-edges", 9, "-o", "x.npz")  # fmt: skip  # noqa: E501
    assert found.exit_code == 6


def test_several_inputs(in_home: Path) -> None:
    graph = exported(
        "sibling:Two", "--example-shape", "1,3", "--example-shape", "1, 2", weights="two.pt"
    )
    assert [x.n_units for x in graph.layers if x.role == "input"] == [3, 2]


def test_tokens(in_home: Path) -> None:
    shape = ("--example-shape", "1,7", "--example-dtype", "int64")
    found = run("export", "tokens.pt", "--model", "tokens:net", *shape, "-o", "tokens.npz")
    assert found.exit_code == 0
    assert netsculpt.load("tokens.npz").n_units == 5 + 4 + 2


@pytest.mark.slow
def test_analyze_says_what_it_imports(in_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    model = ("--model", "researchnets.zoo:block", "--example-shape", "1,3,8,8")
    model += ("--edge-norm", "l2")
    for name in [x for x in sys.modules if x.partition(".")[0] == "researchnets"]:
        del sys.modules[name]
    found = cli("analyze", "w.pt", *model, "--json", "-o", out, *QUICK)
    assert found.returncode == 0, found.stderr
    summary = json.loads(found.stdout)  # nothing that the net prints is in it
    assert found.stderr.splitlines()[0] == "netsculpt: imports researchnets.zoo and runs its code"
    assert "imported" in found.stderr
    assert 0 <= summary["fidelity"]["max_error"] < 1e-5
    assert summary["fidelity"]["n_not_checked"] == 0
    steps = {x["function"]: x for x in summary["graph"]["provenance"]}
    assert steps["model"]["parameters"]["example_dtype"] == ["float32"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["arguments"]["net"] == {
        "model": "researchnets.zoo:block",
        "example_shape": [[1, 3, 8, 8]],
        "example_dtype": ["float32"],
        "edge_norm": "l2",
    }
    assert manifest["inputs"] == [steps["load_into"]["input_hash"]]


def test_the_same_seed_gives_the_same_bytes(in_home: Path) -> None:
    model = ("--model", "researchnets.zoo:block", "--example-shape", "1,3,8,8")
    first, second = (run("analyze", "w.pt", *model, "--json", *QUICK) for _ in range(2))
    assert first.exit_code == 0, (first.output, first.exception)
    assert first.stdout == second.stdout


def test_the_report_names_the_net(in_home: Path) -> None:
    shape = ("--example-shape", "1,3,8,8", "--detector", "all")
    found = run("analyze", "w.pt", "--model", "researchnets.zoo:block", *shape, *QUICK)
    assert found.exit_code == 0, (found.output, found.exception)
    assert "Fidelity to the net" in found.stdout
    assert "Traced: researchnets.zoo:block on [1, 3, 8, 8]" in found.stdout
    assert "Edges: the weights that the masks keep." in found.stdout


@pytest.mark.parametrize(
    ("net", "weights", "examples"),
    [
        ("sibling:block", "w.pt", ["x=1,3,8,8"]),
        ("sibling:block", "w.pt", ["1,3,8,8:float32"]),
        ("sibling:Two", "two.pt", ["x=1,3", "y=1,2"]),
        ("sibling:Keywords", "two.pt", ["y=1,2", "x=1,3", "twice=false"]),
        ("sibling:Keywords", "two.pt", ["batch.x=1,3", "batch.y=1,2"]),
    ],
)
def test_the_report_names_inputs(
    in_home: Path, net: str, weights: str, examples: list[str]
) -> None:
    given = [x for text in examples for x in ("--example", text)]
    found = run("analyze", weights, "--model", net, *given, *QUICK)
    assert found.exit_code == 0, (found.output, found.exception)
    assert f"Traced: {net} on {' and '.join(examples)}" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("no_such_module:net",), 2, "no module 'no_such_module'"),
        (("researchnets.nothing:net",), 2, "no module 'researchnets.nothing'"),
        (("nothing.py:net",), 2, "no file at 'nothing.py'"),
        (("researchnets.zoo:blok",), 2, "has no 'blok': it has block"),
        (("researchnets.zoo:Zoo.nothing",), 2, "has no 'Zoo.nothing'"),
        (("researchnets.zoo",), 2, "does not name a net"),
        (("researchnets.zoo:block()",), 2, "does not name a net"),
        (("../zoo:block",), 2, "does not name a net"),
        (("needs:net",), 5, "importing needs raised ModuleNotFoundError"),
        (("script:net",), 5, "importing script raised SystemExit: usage"),
        (("researchnets.zoo:wide",), 5, "needs the arguments width"),
        (("researchnets.zoo:broken",), 5, "broken() raised ValueError: no such dataset"),
        (("researchnets.zoo:leaves",), 5, "leaves() raised SystemExit"),
        (("researchnets.zoo:tensor",), 5, "tensor() returns a Tensor"),
        (("researchnets.zoo:SIZE",), 5, "is of type int"),
        (("researchnets.zoo:Two",), 5, "weights of a net other than this Two"),
        (("researchnets.zoo:block", "--example-shape", ""), 2, "not a shape such as"),
        (("researchnets.zoo:block", "--example-shape", "3"), 2, "not a shape such as"),
        (("researchnets.zoo:block", "--example-shape", "1,0"), 2, "not a shape such as"),
        (("researchnets.zoo:block", "--example-shape", "1,-3,8"), 2, "not a shape such as"),
        (
            ("researchnets.zoo:block", "--example-shape", "1,4,8,8"),
            5,
            "itself fails on this example",
        ),
        (("researchnets.zoo:block", "--example-dtype", "int"), 2, "not one of float32"),
        (("sibling:block", *["--example-dtype", "int64"] * 2), 2, "2 types for 1 inputs"),
        (("researchnets.zoo:block", "--edge-norm", "l3"), 2, "l3"),
        (("researchnets.zoo:block", "--unroll", "0"), 2, "unroll"),
        (("researchnets.zoo:block", "--detector", "functional"), 2, "need no --model"),
    ],
)
def test_nets_that_cannot_be_made(
    in_home: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    shape = () if "--example-shape" in arguments else ("--example-shape", "1,3,8,8")
    found = run("analyze", "w.pt", *QUICK, "--model", *arguments, *shape)
    printed = " ".join(f"{found.output} {found.exception}".replace("│", " ").split())
    assert message in printed
    assert found.exit_code == code
    assert len(str(found.exception)) < 1500


def test_the_input_shape_is_needed(in_home: Path) -> None:
    found = run("analyze", "w.pt", "--model", "researchnets.zoo:block")
    assert found.exit_code == 2
    assert "--example-shape" in found.output
    assert "imports" not in found.output


@pytest.mark.parametrize(
    "option",
    [
        ("--example-shape", "1,3"),
        ("--example-dtype", "int64"),
        ("--edge-norm", "l1"),
        ("--granularity", "channel"),
        ("--unroll", "1"),
        ("--no-fold-norms",),
        ("--norms", "dense"),
        ("--max-edges", "9"),
    ],
)
@pytest.mark.parametrize("command", [("analyze", "w.pt"), ("export", "w.pt", "-o", "out.npz")])
def test_options_of_a_net_need_one(
    in_home: Path, command: tuple[str, ...], option: tuple[str, ...]
) -> None:
    found = run(*command, *option)
    assert found.exit_code == 2
    message = " ".join(found.output.replace("│", " ").split())
    assert f"Invalid value for {option[0]}" in message
    assert "--model" in message


def test_a_file_that_is_not_there_is_named_before_code_runs(in_home: Path) -> None:
    (in_home / "loud.py").write_text("raise RuntimeError('ran')")
    found = cli("analyze", "nope.pt", "--model", "loud.py:net", "--example-shape", "1,3", *QUICK)
    assert found.returncode == 3
    assert found.stderr.splitlines() == ["netsculpt: no file at 'nope.pt': check the path"]


def test_an_import_is_announced_once_in_a_run(in_home: Path, tmp_path: Path) -> None:
    (in_home / "small.py").write_text(
        "from torch import nn\ndef net(): return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))\n"
    )
    for step in range(3):
        net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        torch.save(net.state_dict(), tmp_path / f"epoch{step}.pt")
    model = ("--model", "small.py:net", "--example-shape", "1,3", "--nulls", 0)
    for _ in range(2):  # each run says it
        found = cli("track", tmp_path / "epoch*.pt", *model)
        assert found.returncode == 0, found.stderr
        assert found.stderr.count("imports small.py") == 1


def test_without_the_option_nothing_is_imported(in_home: Path) -> None:
    (in_home / "torch_shadow.py").write_text("raise RuntimeError('imported')")
    found = run("analyze", "two.pt", *QUICK)
    assert found.exit_code == 5
    assert "--model pkg.module:factory --example-shape 1,3, as" in str(found.exception)


@pytest.mark.parametrize("command", ["analyze", "compare", "track"])
def test_the_error_without_the_option_leads_on(in_home: Path, command: str) -> None:
    """What it says to add is all that the same command lacks."""
    (in_home / "residual.py").write_text(RESIDUAL)
    names = []
    for seed in range(2):
        torch.manual_seed(seed)
        state = {f"{x}.weight": torch.randn(4, 4).triu() for x in ("enc.q_proj", "enc.k_proj")}
        names.append(f"r{seed}.pt")
        torch.save(state, in_home / names[-1])
    given = names[:1] if command == "analyze" else names
    refused = cli(command, *given, "--nulls", 0)
    assert refused.returncode == 5
    said = " ".join(refused.stderr.split())
    found = re.search(r"on the command line add (--model \S+ --example-shape [\d,]+), as", said)
    assert found is not None
    assert "netsculpt analyze" not in said
    added = found[1].replace("pkg.module:factory", "residual.py:net").split()
    run = cli(command, *given, "--nulls", 0, *added)
    assert run.returncode == 0, run.stderr


def test_a_dense_net_is_refused(in_home: Path) -> None:
    arguments = ("--model", "tokens:nn.Identity", "--example-shape", "1,3")
    torch.save(nn.Linear(3, 2).state_dict(), in_home / "dense.pt")
    (in_home / "dense_net.py").write_text("from torch import nn\nnet = nn.Linear(3, 2)\n")
    arguments = ("--model", "dense_net.py:net", "--example-shape", "1,3")
    found = run("analyze", "dense.pt", *arguments, *QUICK)
    assert found.exit_code == 5
    assert "--dense" in str(found.exception)
    assert run("analyze", "dense.pt", *arguments, *QUICK, "--dense").exit_code == 0
