"""A package of somebody else adds a method to every catalogue that CONTRIBUTING lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import netsculpt
from netsculpt.core.catalog import CATALOGUES, names

ROOT = Path(__file__).parents[1]
METHODS = {
    "metrics": """
def twice(graph):
    import numpy as np
    return np.full(graph.n_units, 2.0)
""",
    "detectors": """
def halves(graph, *, rng=None):
    from netsculpt import Partition
    from netsculpt.graph.graph import live_units
    import numpy as np
    return Partition(np.where(live_units(graph), np.arange(graph.n_units) % 2, -1), "halves")
""",
    "data_aware": """
def by_influence(graph, influence, *, rng=None):
    from netsculpt import Partition
    return Partition(influence.argmax(axis=1), "by_influence")
""",
    "nulls": """
def flipped(graph, *, rng=None):
    return graph.with_weights(graph.weights.data[::-1].copy())
""",
    "formats": """
import numpy as np
from netsculpt.files.content import Content

def sniff(source):
    return source.head.startswith(b"HIDDEN")

def read(source):
    width = int(source.head.split()[1])
    return Content([np.eye(width), np.ones((2, width))], source.sha256())
""",
    "rules": """
OPS = ("i0",)

def bessel_function(call):
    return call.activation()
""",
    "initialisations": """
def halved(net, *, rng=None):
    import copy
    clone = copy.deepcopy(net)
    for parameter in clone.parameters():
        parameter.data.fill_(0.5)
    return clone
""",
    "scores": """
def position(net, batches=None, *, rng=None):
    import torch
    from netsculpt.nets import prunable
    return {name: torch.arange(x.numel()).reshape(x.shape) for name, x in prunable(net).items()}
""",
    "allocations": """
def last_dense(shapes, density):
    return {name: 1.0 if name == list(shapes)[-1] else density / 2 for name in shapes}
""",
    "schedules": """
def all_at_once(progress):
    return progress**0
""",
    "scopes": """
def column(scores):
    return scores.sum(0, keepdim=True)
""",
    "sparse_methods": """
def frozen(net, *, density, end=0, rng=None):
    from netsculpt.training import dynamic
    return dynamic.static(net, density=density, allocation="uniform", rng=rng)
""",
    "drops": """
def signed(entries):
    return entries.weight
""",
    "grows": """
def leftmost(entries):
    import torch
    return -torch.arange(entries.weight.numel()).reshape(entries.weight.shape).double()
""",
    "unit_scores": """
def last_first(replicas, task):
    import torch
    hidden = sum(replicas.spec.widths[1:-1])
    return torch.arange(hidden).expand(len(replicas.parameters[replicas.weights[0]]), hidden)
""",
    "edge_scores": """
def later_stays(replicas, task):
    import torch
    flat = torch.cat([replicas.parameters[name].flatten(1) for name in replicas.weights], dim=1)
    return torch.arange(flat.shape[1]).expand(flat.shape)
""",
    "influence": """
def nothing(replicas, task):
    import numpy as np
    return np.zeros((1, sum(replicas.spec.widths), task.n_outputs))
""",
    "circuit_scores": """
def first_stays(net, task, *, ablation="mean", progress=None, rng=None):
    from netsculpt.training.influence.circuits.channels import channels_of
    import numpy as np
    sizes = channels_of(net, task.inputs).sizes
    return {name: -np.arange(float(size)) for name, size in sizes.items()}
""",
}
MODULES = {"formats", "rules"}  # whose entry point is the module
USED = """
import json, sys
import numpy as np, torch
import netsculpt as ns
from netsculpt.core.catalog import catalog
from netsculpt.nets import MLP, initial_net
from netsculpt.training import boolean, prune, sculpt
from netsculpt.training.influence.circuits import circuit
from netsculpt.training.sculpting.sculpt import SculptingMethod

seen = {}
graph = ns.load(sys.argv[1])
seen["formats"] = [layer.n_units for layer in graph.layers]
plan = ns.AnalysisPlan(("halves", "by_influence"), null="flipped", n_nulls=2, n_seeds=0)
analysis = ns.analyze(graph, plan, rng=0, influence=np.eye(graph.n_units))
seen["metrics"] = float(analysis.columns["twice"].sum() / graph.n_units)
seen["detectors"] = int(analysis.detected[0].partition.n_modules)
seen["data_aware"] = int(analysis.detected[1].partition.n_modules)
seen["nulls"] = analysis.plan.null

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x):
        return torch.i0(self.linear(x))

seen["rules"] = ns.trace(Net(), torch.zeros(1, 3)).n_edges
net = catalog("initialisations")["halved"](initial_net(MLP((4, 5, 2)), rng=0))
seen["initialisations"] = float(next(net.parameters()).detach().mean())
parts = {"allocation": "last_dense", "schedule": "all_at_once", "rounds": 2, "scope": "column"}
pruned = prune(net, method="position", density=0.8, rng=0, **parts)
first, second = pruned.masks.values()
seen["scores"] = pruned.method
seen["allocations"] = [int(first.sum()), int(second.sum())]
seen["schedules"] = pruned.details["schedule"]
seen["scopes"] = bool((second.all(0) | ~second.any(0)).all())
sparsifier = catalog("sparse_methods")["frozen"](net, density=0.5, rng=0)
seen["sparse_methods"] = list(sparsifier.n_kept.values())
entries = ns.training.dynamic.Entries("w", torch.eye(2), torch.eye(2) > 0)
seen["drops"] = catalog("drops")["signed"](entries).tolist()
seen["grows"] = catalog("grows")["leftmost"](entries).tolist()
methods = {name: catalog(f"{name}s") for name in ("unit_score", "edge_score")}
method = SculptingMethod(methods["unit_score"]["last_first"], methods["edge_score"]["later_stays"])
task = boolean("f = a & b")
sculpted = sculpt(MLP((2, 6, 1)), task, seeds=range(2), method=method)
seen["unit_scores"] = seen["edge_scores"] = len(sculpted.solved)
seen["influence"] = catalog("influence")["nothing"](sculpted.replicas, task).shape[1]
gpt = initial_net(ns.nets.families.SparseGPT(16, 16, width=4, layers=1, heads=1), rng=0)
quotes = ns.training.tasks.quotes(20, rng=0)
score = catalog("circuit_scores")["first_stays"]
seen["circuit_scores"] = circuit(gpt, quotes, score=score, loss=9, control=False, rng=0).cut_by
print(json.dumps(seen))
"""


def distribution(folder: Path, name: str, entries: str) -> None:
    """Make a folder, to be put on the path, that holds an installed package's metadata."""
    info = folder / f"{name}-2.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
    info.joinpath("entry_points.txt").write_text(entries)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed package that offers one method for each catalogue, a file for each."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "elsewhere").mkdir()
    groups = []
    for catalogue, text in METHODS.items():
        folder.joinpath("elsewhere", f"{catalogue}.py").write_text(text)
        method = method_in(text, catalogue)
        target = f"elsewhere.{catalogue}" + ("" if catalogue in MODULES else f":{method}")
        groups.append(f"[netsculpt.{catalogue}]\n{method} = {target}\n")
    distribution(folder, "elsewhere", "\n".join(groups))
    return folder


def method_in(text: str, catalogue: str) -> str:
    return "hidden" if catalogue == "formats" else re.findall(r"^def (\w+)", text, re.MULTILINE)[-1]


def run(*arguments: str, on: list[Path]) -> subprocess.CompletedProcess[str]:
    """Python with the packages of some folders."""
    paths = [*map(str, on), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_contributing_lists_every_catalogue_and_where_it_is() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `netsculpt/([\w/]+)(?:/|\.py)` \|",
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    listed = {name: f"netsculpt.{place.replace('/', '.')}" for name, place in rows}
    assert listed == dict(CATALOGUES)
    assert listed.keys() == METHODS.keys(), "each is tried below"


@pytest.mark.slow
def test_a_method_of_every_kind_from_another_package(package: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(b"HIDDEN 3\n")
    used = run("-c", USED, str(model), on=[package])
    assert used.returncode == 0, used.stderr
    seen: dict[str, Any] = json.loads(used.stdout)
    assert seen == {
        "formats": [3, 3, 2],
        "metrics": 2.0,
        "detectors": 2,
        "data_aware": 8,
        "nulls": "flipped",
        "rules": 6,
        "initialisations": 0.5,
        "scores": "position",
        "allocations": [10, 10],
        "schedules": "all_at_once",
        "scopes": True,
        "sparse_methods": [10, 5],
        "drops": [[1.0, 0.0], [0.0, 1.0]],
        "grows": [[0.0, -1.0], [-2.0, -3.0]],
        "unit_scores": 2,
        "edge_scores": 2,
        "influence": 9,
        "circuit_scores": "first_stays",
    }


def test_the_command_line_shows_and_takes_it(package: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(b"HIDDEN 3\n")
    options = ("--detector", "halves", "--null", "flipped", "--nulls", "2", "--json")
    analysed = run("-m", "netsculpt", "analyze", str(model), *options, on=[package])
    assert analysed.returncode == 0, analysed.stderr
    assert json.loads(analysed.stdout)["modules"].keys() == {"halves"}


@pytest.mark.parametrize("name", ["leiden", "halves"])
def test_a_name_that_is_taken_is_left_out_with_a_warning(
    package: Path, tmp_path: Path, name: str
) -> None:
    distribution(tmp_path, "other", f"[netsculpt.detectors]\n{name} = json:loads\n")
    script = (
        "import warnings\nfrom netsculpt.core.catalog import catalog\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        f"    print(catalog('detectors')[{name!r}].__module__, len(caught), caught[0].message)"
    )
    done = run("-c", script, on=[package, tmp_path])
    assert done.returncode == 0, done.stderr
    assert " 1 " in done.stdout
    assert "is taken" in done.stdout
    assert not done.stdout.startswith("json")


BROKEN = {
    "infomap": ("netsculpt.detectors", "nowhere:x", "cannot be imported (ModuleNotFoundError"),
    "lost": ("netsculpt.detectors", "broken:nothing", "cannot be imported (AttributeError"),
    "leaves": ("netsculpt.detectors", "broken.leaving:x", "cannot be imported (SystemExit"),
    "whole": ("netsculpt.detectors", "broken", "is a module: a function is needed"),
    "odd": ("netsculpt.detectors", "broken:odd", "failed (ValueError: too odd for me)"),
}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A package whose methods do not load, raise, or return what nobody can use."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "leaving.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "broken" / "__init__.py").write_text(
        "def odd(graph, *, rng=None):\n    raise ValueError('too odd for me')\n"
        "def few(graph):\n    return [1.0, 2.0]\n"
    )
    entries = [f"[{group}]\n{name} = {target}\n" for name, (group, target, _) in BROKEN.items()]
    metrics = "[netsculpt.metrics]\nfew = broken:few\nlive = broken:few\ngone = nowhere:x\n"
    formats = "[netsculpt.formats]\nhidden = nowhere\nsniffless = broken\n"
    rules = "[netsculpt.rules]\nopless = broken\n"
    detectors = "[netsculpt.detectors]\n" + "".join(x.partition("]\n")[2] for x in entries)
    distribution(tmp_path, "broken", detectors + metrics + formats + rules)
    return tmp_path


def analysed(package: Path, detector: str) -> subprocess.CompletedProcess[str]:
    graph, _ = netsculpt.planted([8, 8, 8], 2, 0.9, 0.05, rng=0)
    netsculpt.save(graph, package / "graph.npz")
    options = ("--detector", detector, "--nulls", "0", "--stability-seeds", "0", "--json")
    script = "import netsculpt.cli; netsculpt.cli.main()"
    arguments = ("-W", "default", "-c", script, "analyze", f"{package}/graph.npz", *options)
    return run(*arguments, on=[package])


@pytest.mark.slow
def test_a_broken_package_does_not_stop_what_does_not_need_it(broken: Path) -> None:
    done = analysed(broken, "spectral")
    assert done.returncode == 0, done.stderr
    notes = " ".join(json.loads(done.stdout)["notes"])
    assert "Column few left out: the metric returned list: one number per unit [24]" in notes
    assert "Column live left out: there is a column of that name" in notes
    for name in ("gone", "hidden"):
        assert f"netsculpt: left out: {name!r} of package broken 2.0" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_method_names_its_package(broken: Path, name: str) -> None:
    done = analysed(broken, name)
    assert done.returncode == 3
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"netsculpt: {name!r} of package broken 2.0")
    assert BROKEN[name][2] in last


def test_a_file_of_functions_is_read_as_text() -> None:
    """Names of metrics, allocations and the like are known without importing NumPy or torch."""
    script = (
        "import sys\nfrom netsculpt.core.catalog import CATALOGUES, names\n"
        "[names(x) for x in CATALOGUES]\nprint({'numpy', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert "exponential" in names("schedules")
