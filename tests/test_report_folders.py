"""``netsculpt report`` of every kind of folder that commands write."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import cli
from compiled_models import write_compiled

import netsculpt
from netsculpt.core.errors import FolderError
from netsculpt.files.model import write_model
from netsculpt.graph.circuits import compile_circuit, parse_circuit
from netsculpt.graph.npz import save
from netsculpt.nets import MLP, initial_net, plain_state
from netsculpt.nets.families import SparseGPT
from netsculpt.nets.masks import mask_net
from netsculpt.report.html.writing import rewrite_page
from netsculpt.studies.sculpting import SweepConfig, sweep
from netsculpt.studies.study import Study

PLAIN = ("--figures", "none")
PLAN = netsculpt.AnalysisPlan()
QUICK = ("--nulls", 0, "--stability-seeds", 0, *PLAIN)
SCULPTING = SweepConfig(
    "input-separable", (4, 8, 4), (0, 1), (50.0,), (50.0,), goal_accuracy=0.6, epochs=20
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space in its name, two pruned models and four graphs."""
    place = tmp_path_factory.mktemp("results") / "my runs"
    place.mkdir()
    mlp, gpt = MLP((64, 12, 10)), SparseGPT(16, 16, 8, 1, 2, mlp_width=10, tied=False)
    for seed, (name, spec) in enumerate({"a": mlp, "b": mlp, "gpt": gpt}.items()):
        net = initial_net(spec, rng=seed)
        if spec is mlp:
            weights = {key: x for key, x in net.named_parameters() if x.ndim == 2}
            mask_net(net, {key: x.abs() > x.abs().median() for key, x in weights.items()})
        state, masks = plain_state(net)
        write_model(place / f"{name}.pt", net=spec.spec, state=state, masks=masks, metadata={})
    for seed in range(4):
        save(netsculpt.planted([6, 6, 6], 2, 0.8, 0.1, rng=seed)[0], place / f"{seed}.npz")
    return place


def written(place: Path, *arguments: object, output: str = "") -> None:
    run = cli(*arguments, *(("-o", output) if output else ()), cwd=place)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (("analyze", "a.pt", *QUICK), "one"),
        (("analyze", "a.pt", "b.pt", *QUICK), "several"),
        (("compare", "0.npz", "1.npz", "--against", "2.npz", "3.npz", *QUICK), "groups"),
        (("track", "0.npz", "1.npz", "--nulls", 0, *PLAIN), "tracked"),
        pytest.param(("demo", *PLAIN), "shown", marks=pytest.mark.slow),
    ],
    ids=["analyze", "several", "groups", "track", "demo"],
)
def test_pages_are_made_again(place: Path, command: tuple[object, ...], output: str) -> None:
    written(place, *command, output=output)
    page = place / output / "report.html"
    before = page.read_bytes()
    page.unlink()
    run = cli("report", place / output)
    assert run.returncode == 0, run.stderr
    assert page.read_bytes() == before


@dataclass(frozen=True)
class Pageless:
    """A kind of folder without a page."""

    command: tuple[object, ...]  # that writes it
    folder: str
    what: str  # the error says
    output: str = ""  # of the command; "": it is the folder


XOR, THREE = "f = a ^ b\n", "f = a ^ b; g = c & d; y1 = f; y2 = ~f; y3 = g; y4 = ~g"
ON_DIGITS = ("--task", "digits")
PRUNE = ("prune", "a.pt", "--method", "magnitude", "--rounds", 2, "--density", 0.2, *ON_DIGITS)
TRAIN = ("train", *ON_DIGITS, "--epochs", 2)
CUT = ("--method", "path_share", "--samples", 64, "--random", 2)
KINDS = {
    "pair": Pageless(
        ("compare", "a.pt", "b.pt", *QUICK), "pair", "holds a comparison of two networks"
    ),
    "importance": Pageless(
        ("importance", "a.pt", *ON_DIGITS, "--samples", 30, "--curves", "none", *PLAIN),
        "importance",
        "holds the importance of a net's weights",
    ),
    "prune": Pageless((*PRUNE, *PLAIN), "p.history", "holds the history of a pruning", "p.pt"),
    "train": Pageless(
        (*TRAIN, "a.pt", *PLAIN), "d.history", "holds the history of a training", "d.pt"
    ),
    "sparse": Pageless(
        (*TRAIN, "--net", "mlp:64,12,10", "--sparse", "set", "--density", 0.3, *PLAIN),
        "s.history",
        "holds the history of a training",
        "s.pt",
    ),
}
SLOW = {
    "wann": Pageless(
        ("wann", "xor.txt", "--population", 8, "--generations", 1, *PLAIN),
        "found",
        "holds a search for topologies",
    ),
    "reuse": Pageless(
        ("reuse", *("m.pt", "m.pt", "--task", "t.txt", "--source-task", "t.txt"), *PLAIN),
        "reused",
        "holds the reuse of one net's modules in another",
    ),
    "circuit": Pageless(
        ("circuit", "gpt.pt", "--task", "copying", "--loss", 0.694, *CUT, *PLAIN),
        "circuit",
        "holds a circuit",
    ),
}
EVERY = [*KINDS.values(), *(pytest.param(x, marks=pytest.mark.slow) for x in SLOW.values())]


@pytest.mark.parametrize("kind", EVERY, ids=[*KINDS, *SLOW])
def test_what_has_no_page_says_what_it_is_and_leads_on(place: Path, kind: Pageless) -> None:
    place.joinpath("xor.txt").write_text(XOR)
    place.joinpath("t.txt").write_text(THREE)
    if "m.pt" in kind.command:
        write_compiled(compile_circuit(parse_circuit(THREE)), place / "m.pt")
    written(place, *kind.command, output=kind.output or kind.folder)
    says(place, kind.folder, kind.what)


def says(place: Path, folder: str, what: str) -> None:
    """The error says what the folder is, and the first command that it names makes a page."""
    run = cli("report", folder, cwd=place)
    assert run.returncode == 2
    text = " ".join(run.stderr.split())
    assert what in text
    found = re.search(r"netsculpt (analyze|track) (.*?) -o pages", text)
    assert found is not None
    name, paths = found.groups()
    pages = f"pages of {folder.replace('/', ' ')}"
    quick = QUICK if name == "analyze" else ("--nulls", 0, *PLAIN)
    written(place, name, *shlex.split(paths), *quick, output=pages)
    assert place.joinpath(pages, "report.html").is_file()
    assert cli("report", pages, cwd=place).returncode == 0


@pytest.fixture(scope="module")
def sculpted(place: Path) -> str:
    sweep(SCULPTING, place / "sculpted runs", detectors=[])
    return "sculpted runs"


def test_a_sculpting_and_its_folders_lead_on(place: Path, sculpted: str) -> None:
    says(place, sculpted, "holds a sculpting, which has no page")
    says(place, f"{sculpted}/seed-0", "has no manifest.json")


def test_a_study_leads_to_its_status(tmp_path: Path) -> None:
    Study("ones", [PLAN], lambda _: {"ones": [{"one": 1}]}).run(tmp_path / "cells")
    run = cli("report", "cells", cwd=tmp_path)
    assert run.returncode == 2
    text = " ".join(run.stderr.split())
    assert "holds a study, which has no page" in text
    assert text.endswith("netsculpt study status cells")
    assert cli("study", "status", "cells", cwd=tmp_path).returncode == 0


def test_a_file_is_not_a_folder(place: Path) -> None:
    with pytest.raises(FolderError, match=r"a\.pt is a file: .*netsculpt analyze '.*/my runs/a"):
        rewrite_page(place / "a.pt")


@pytest.mark.parametrize(
    "manifest",
    [
        '{"maker": "compare", "arguments": {}, "files": []}',
        '{"maker": ["x"], "arguments": 3}',
        '{"maker": "reuse", "arguments": {"source": "\\u202e\\u001b[31m", "target": 3}}',
        "[1]",
    ],
)
def test_a_manifest_may_say_anything(tmp_path: Path, manifest: str) -> None:
    tmp_path.joinpath("manifest.json").write_text(manifest)
    run = cli("report", tmp_path)
    assert run.returncode in (2, 3)
    assert run.stderr.replace("\n", "").isprintable()
