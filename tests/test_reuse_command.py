"""Two nets of known truth through ``netsculpt reuse``: what they share, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from commands import cli
from compiled_models import write_compiled

from netsculpt.compare.reuse import (
    ModuleActivations,
    SubtaskEvidence,
    match_by_activations,
    subtask_reuse,
)
from netsculpt.core.errors import FormatError, GraphError, LimitError
from netsculpt.files.model import read_model
from netsculpt.graph.circuits import (
    ThresholdCircuit,
    common_functions,
    compile_circuit,
    joint_rows,
    parse_circuit,
    shared_circuits,
)
from netsculpt.graph.circuits.sharing import SharedAs
from netsculpt.graph.partition import Partition
from netsculpt.training import NetOnTask, reuse_analysis
from netsculpt.training.influence import replica_of_model
from netsculpt.training.sculpting.replicas import Replicas

FAST = ("--random", 49, "--figures", "none")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


THREE = {"f": "a ^ b ^ c", "g": "d ^ e ^ h", "k": "m ^ n ^ o"}
OTHER = {"f": "(a & b) | (b & c) | (a & c)", "g": "d & (e | h)", "k": "(m & n) | ~o"}


def text_of(functions: dict[str, str]) -> str:
    """Each function as an output, and negated as another one."""
    lines = [f"{name} = {body}" for name, body in functions.items()]
    return "\n".join([*lines, *(f"y{x} = {x}\nz{x} = ~{x}" for x in functions)])


def files_of(source: str, target: str, folder: Path) -> list[object]:
    """The arguments of the command for the compiled nets of two texts."""
    for name, text in (("source", source), ("target", target)):
        write_compiled(compile_circuit(parse_circuit(text)), folder / f"{name}.pt")
        (folder / f"{name}.txt").write_text(text)
    models = [folder / "source.pt", folder / "target.pt"]
    return [*models, "--task", folder / "target.txt", "--source-task", folder / "source.txt"]


def verdicts(summary: dict) -> dict[str, str]:
    return {x["function"]: x["verdict"] for x in summary["reuse"]["subtasks"]}


def test_a_net_reuses_all_of_itself(tmp_path: Path) -> None:
    arguments = [*files_of(text_of(THREE), text_of(THREE), tmp_path), *FAST]
    summary = json.loads(cli("reuse", *arguments, "--started-from-source", "--json").stdout)
    assert summary["source"]["accuracy"] == summary["target"]["accuracy"] == 1.0
    assert verdicts(summary) == dict.fromkeys(THREE, "reused"), "found without --functions"
    assert summary["reuse"]["degree"] == 1.0
    assert sum(summary["reuse"]["shares"].values()) == 1.0
    assert not summary["reuse"]["is_monolithic"]
    start = summary["started_from_source"]
    assert start["mask_reuse"]["corrected"] == 1.0
    assert [x["similarity"] for x in start["matching_by_units"]["pairs"]] == [1.0] * 3
    assert start["weight_retention"] is None, "not compared without a control"


@pytest.mark.parametrize("kept", ["", "gk"])
def test_k_of_three_functions_are_reused(tmp_path: Path, kept: str) -> None:
    """The inputs and the lines of the target in another order, the functions under other names."""
    functions = {f"{x}_too": (THREE if x in kept else OTHER)[x] for x in "kfg"}
    arguments = [*files_of(text_of(THREE), text_of(functions), tmp_path), *FAST]
    asked = [*arguments, "--functions", "f,g,k"]
    summary = json.loads(cli("reuse", *asked, "--json").stdout)
    assert summary["target"]["accuracy"] == 1.0
    assert verdicts(summary) == {x: "reused" if x in kept else "absent" for x in THREE}
    assert summary["reuse"]["degree"] == len(kept) / 3
    assert summary["started_from_source"] is None, "never assumed"
    run = cli("reuse", *arguments)
    if kept:
        assert run.returncode == 0
        assert "Degree of sub-task reuse 1.00" in run.stdout, "of what both tasks contain"
        assert "What chance gives is not known: give a net of an unrelated" in run.stdout
    else:
        assert run.returncode == 3
        assert "no sub-function in common" in run.stderr
        assert "--functions" in run.stderr


def stacked(net: ThresholdCircuit, folder: Path) -> Replicas:
    return replica_of_model(read_model(write_compiled(net, folder / "net.pt")))


def test_compiled_circuits_as_they_are(tmp_path: Path) -> None:
    """As the same nets with steep sigmoids for steps."""
    options = {"functions": ["f", "g", "k"], "n_random": 49, "n_draws": 99, "rng": 0}
    found = []
    for as_net in (lambda net: net, lambda net: stacked(net, tmp_path)):
        nets = []
        for functions in (THREE, {**THREE, "f": OTHER["f"]}):
            circuit = parse_circuit(text_of(functions))
            net = compile_circuit(circuit)
            nets.append(NetOnTask(as_net(net), circuit, net.hidden[0]))
        found.append(reuse_analysis(*nets, **options).summary())
    assert verdicts(found[0]) == verdicts(found[1]) == {"f": "absent", "g": "reused", "k": "reused"}
    assert found[0]["source"]["accuracy"] == found[0]["target"]["accuracy"] == 1.0


def test_nets_of_the_wrong_kind() -> None:
    circuit = parse_circuit("f = a ^ b; g = c & d; y1 = f; y2 = g")
    compiled = NetOnTask(compile_circuit(circuit), circuit)
    for wrong in (torch.nn.Linear(4, 2), circuit, None):
        with pytest.raises(FormatError, match=r"unrelated net 0 is a .*replica_of_model"):
            reuse_analysis(compiled, compiled, unrelated=[NetOnTask(wrong, circuit)])
    with pytest.raises(FormatError, match="source is a ThresholdCircuit: weights"):
        reuse_analysis(compiled, compiled, started_from_source=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shared_as", "verdict", "copies"),
    [("copied", "reused", 1), ("rewritten", "relearned elsewhere", 0), ("duplicated", "reused", 2)],
)
def test_two_shared_functions_of_four(
    tmp_path: Path, shared_as: SharedAs, verdict: str, copies: int
) -> None:
    pair = shared_circuits(4, 2, shared_as=shared_as, rng=0)
    nets = [
        NetOnTask(stacked(net, tmp_path), circuit, net.hidden[0])
        for net, circuit in (
            (pair.source, pair.source_circuit),
            (pair.target, pair.target_circuit),
        )
    ]
    found = reuse_analysis(*nets, functions=pair.functions, n_random=59, n_draws=199, rng=0)
    assert found.source.accuracy == found.target.accuracy == 1.0
    assert {x.function: (x.verdict, x.multiplicity) for x in found.subtasks.subtasks} == {
        f: (verdict, copies) if f in pair.shared else ("absent", 0) for f in pair.functions
    }
    again = reuse_analysis(*nets, functions=pair.functions, n_random=59, n_draws=199, rng=0)
    assert again.summary() == found.summary(), "same seed, same bytes"
    both = reuse_analysis(*nets, n_random=59, n_draws=199, rng=0)
    assert [x.name for x in both.functions] == list(pair.shared), "found by their values"


def test_what_chance_gives(tmp_path: Path) -> None:
    """A net of three other functions gives nothing by chance; one of the same is refused."""
    arguments = [*files_of(text_of(THREE), text_of(THREE), tmp_path), *FAST]
    other = text_of({"u": "a & d & m", "v": "b | e | n", "w": "(c & h) | o"})
    (tmp_path / "other.txt").write_text(other)
    model = write_compiled(compile_circuit(parse_circuit(other)), tmp_path / "other.pt")
    unrelated = ["--unrelated", model, "--unrelated-task", tmp_path / "other.txt"]
    run = cli("reuse", *arguments, *unrelated, *unrelated[:2], "-o", tmp_path / "out")
    assert "By chance 0.00, from 2 nets of unrelated tasks; corrected for it 1.000" in run.stdout
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert [Path(x["model"]).name for x in summary["unrelated"]] == ["other.pt"] * 2
    assert (summary["reuse"]["chance"], summary["reuse"]["corrected"]) == (0.0, 1.0)
    matched = summary["matching_by_chance"]
    assert len(matched) == 2
    assert max(x["similarity"] for x in matched[0]["pairs"]) < 0.9
    same = ["--unrelated", tmp_path / "source.pt", "--unrelated-task", tmp_path / "source.txt"]
    run = cli("reuse", *arguments, *same)
    assert (run.returncode, "computes f, g, k of the target's too" in run.stderr) == (3, True)
    for wrong in (unrelated[:2], unrelated[2:], [*unrelated[:2], *unrelated[2:] * 2]):
        assert cli("reuse", *arguments, *wrong).returncode == 2, wrong


def test_alike_but_not_told_from_chance() -> None:
    """Modules that fill their layers: alike, yet no shuffle makes others."""
    labels, x = Partition([0, 1]), np.random.default_rng(0).normal(size=(40, 2))
    one = ModuleActivations(x, labels, [0, 1])
    matching = match_by_activations(one, one, n_draws=99, rng=0)
    assert [pair.least_p for pair in matching.pairs] == [1.0, 1.0]
    evidence = SubtaskEvidence(("f", "g"), np.eye(2), np.eye(2), np.full((2, 2), 0.01), [0, 0])
    found = subtask_reuse(evidence, matching)
    assert {x.verdict for x in found.subtasks} == {"relearned elsewhere"}
    assert [x.q for x in found.subtasks] == [1.0, 1.0]
    assert "f: modules 0 and 0 do the same" in found.notes[0]
    assert "by chance" in found.notes[0]


@pytest.mark.slow
def test_functions_in_two_modules_and_in_one(tmp_path: Path) -> None:
    """Each function cut in two modules is distributed; a net of one module is flagged."""
    text = text_of(THREE)
    circuit = parse_circuit(text)
    net = compile_circuit(circuit)
    labels = net.hidden[0].labels
    one = NetOnTask(stacked(net, tmp_path), circuit, net.hidden[0])
    whole = replace(one, modules=Partition(np.where(labels >= 0, 0, -1)))
    flagged = reuse_analysis(one, whole, n_random=19, n_draws=19, rng=0).subtasks
    assert flagged.is_monolithic
    assert flagged.degree == 0.0
    ands = np.flatnonzero((net.layer_of == net.layer_of.max() - 2) & (labels >= 0))
    assert len(ands) == 6, "the last exclusive or of each function is two units and their or"
    apart = np.full(len(labels), -1)
    apart[ands] = np.arange(6)
    cut = replace(one, modules=Partition(apart))
    found = reuse_analysis(one, cut, n_random=19, n_draws=19, rng=0)
    assert {x.verdict for x in found.subtasks.subtasks} == {"distributed"}
    assert max(x.iia for x in found.subtasks.subtasks) < 0.9
    assert found.n_unions == 2**6 - 6 - 1, "every union of two or more"


def test_a_folder_and_a_report(tmp_path: Path) -> None:
    text = "f = a ^ b; g = c & d; y1 = f; y2 = ~f; y3 = g; y4 = ~g"
    model = write_compiled(compile_circuit(parse_circuit(text)), tmp_path / "m.pt")
    (tmp_path / "t.txt").write_text(text)
    task = ["--task", tmp_path / "t.txt", "--source-task", tmp_path / "t.txt"]
    nets = ["--random", 49, "--figures", "png", "--started-from-source", "--control", model]
    out = tmp_path / "out"
    run = cli("reuse", model, model, *task, *nets, "-o", out)
    assert run.returncode == 0, run.stderr
    assert "Degree of sub-task reuse" in run.stdout
    manifest = json.loads((out / "manifest.json").read_text())
    assert {str(x.relative_to(out)) for x in out.rglob("*.*")} == {
        *manifest["files"],
        "manifest.json",
    }
    assert "figures/modules.png" in manifest["files"]
    asked = {"detector": "layered", "n_random": 49, "started_from_source": True}
    assert {**asked, "figures": ["png"]}.items() <= manifest["arguments"].items()
    read = [model, model, model, tmp_path / "t.txt", tmp_path / "t.txt"]
    hashes = [sha256(Path(path).read_bytes()).hexdigest() for path in read]
    assert manifest["inputs"] == [f"sha256:{x}" for x in hashes]
    summary = json.loads((out / "summary.json").read_text())
    retention = summary["started_from_source"]["weight_retention"]
    assert (retention["retained"], retention["difference"]) == (1.0, 0.0)
    functions = pd.read_csv(out / "functions.csv")
    assert functions["function"].tolist() == ["f", "g"]
    assert functions["verdict"].tolist() == [x["verdict"] for x in summary["reuse"]["subtasks"]]
    lesioned = pd.read_csv(out / "lesions_target.csv")
    assert len(lesioned) == 3 * 4 * summary["target"]["n_modules"]
    assert set(lesioned["output"]) == {"y1", "y2", "y3", "y4"}, "the task's own names"
    assert "y1 y2" in run.stdout
    again = cli("reuse", model, model, *task, *nets, "-o", out)
    assert again.returncode == 0, "the folder of an earlier run is replaced"


def test_mistakes(tmp_path: Path) -> None:
    text = "f = a ^ b; g = c & d; y1 = f; y2 = g"
    model = write_compiled(compile_circuit(parse_circuit(text)), tmp_path / "m.pt")
    (tmp_path / "t.txt").write_text(text)
    task = tmp_path / "t.txt"
    both = ["--task", task, "--source-task", task]
    cases: list[tuple[list[object], int, str]] = [
        ([], 2, "target's task is needed"),
        (["--task", task], 2, f"{model}' does not name a task"),
        (["--task", "digits", "--source-task", task], 2, "no Boolean task"),
        (["--task", "overlap-2-use-4", "--source-task", task], 3, "6 and 8"),
        ([*both, "--figures", "png"], 2, "name it with -o"),
        ([*both, "--width", "icml"], 2, "name it with -o"),
        ([*both, "--control", model], 2, "--started-from-source"),
        ([*both, "--functions", "h"], 3, "name some of f, g"),
        ([*both, "--functions", "f,y1"], 3, "same function"),
    ]
    for more, code, said in cases:
        run = cli("reuse", model, model, *more, columns=300)
        assert (run.returncode, said in " ".join(run.stderr.split())) == (code, True), run.stderr


def test_common_functions_by_their_values() -> None:
    source = parse_circuit("p = b ^ a; q = a & c; r = p | d; y = r & q; z = r | q")
    target = parse_circuit("u = (a & b) | ~(a | b); v = u | ~e; w = c & e; y = v ^ w")
    found = common_functions(source, target)
    assert [(x.name, x.source, x.target) for x in found] == [("p", ("p",), ("u",))]
    rows = joint_rows(source, target)
    ways = zip(rows, (source, target), strict=True)
    named = [dict(zip(x.inputs, y.T, strict=True)) for y, x in ways]
    assert len(rows[0]) == 2 ** len({*source.inputs, *target.inputs})
    assert all(np.array_equal(named[0][x], named[1][x]) for x in named[0].keys() & named[1].keys())
    (asked,) = common_functions(source, target, ["w"])
    assert (asked.source, asked.target) == ((), ("w",))
    with pytest.raises(GraphError, match="name some of"):
        common_functions(source, target, ["a"])
    wide = parse_circuit("y = " + " & ".join(f"x{i}" for i in range(15)))
    with pytest.raises(LimitError, match="same name"):
        common_functions(source, wide)
