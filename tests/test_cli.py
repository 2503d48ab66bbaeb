"""The command line as a newcomer meets it: real files, real mistakes, and some real processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import networkx as nx
import numpy as np
import pytest
import torch
import typer
from commands import cli
from torch import nn
from typer.testing import CliRunner

import netsculpt
from netsculpt import plots
from netsculpt.cli import running
from netsculpt.cli.options import PlanOptions, chosen_detectors
from netsculpt.cli.source import Source, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.figure_style import NO_FIGURES, FigureStyle
from netsculpt.core.random import RNG
from netsculpt.files import torch_zip
from netsculpt.files.model import write_model
from netsculpt.graph.matrices import from_matrices
from netsculpt.hierarchy import infer, ordered
from netsculpt.nets.families import MLP, initial_net
from netsculpt.pipeline import stages
from netsculpt.report import folder
from netsculpt.report.summary import summary
from netsculpt.report.terminal import analysis as analysis_report

modules_verdict = sys.modules["netsculpt.modules.verdict"]
QUICK = ("--nulls", "9", "--stability-seeds", "3", "--figures", "none")


def process(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netsculpt", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def one_line(text: str) -> str:
    """Text of the terminal as one line."""
    return " ".join(text.split())


def one_paragraph(text: str) -> bool:
    return "Traceback" not in text and 0 < len(text.strip()) < 1500


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pruned perceptron with two modules, saved the ordinary way."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 4))
    state = net.state_dict()
    for weight in state.values():
        if weight.ndim == 2:
            half_out, half_in = (n // 2 for n in weight.shape)
            weight[:half_out, half_in:] = 0
            weight[half_out:, :half_in] = 0
    path = tmp_path_factory.mktemp("model") / "pruned.pth"
    torch.save(state, path)
    return path


def test_analyze_writes_the_folder(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    detectors = ("--detector", "layered,leiden")
    options = ("--nulls", 9, "--stability-seeds", 3, "--figures", "png", *detectors)
    run = cli("analyze", model, "-o", out, *options)
    assert run.returncode == 0, run.stderr
    for section in ("Network", "Paths", "Modules (layered)", "Hierarchy (layered)", "Agreement"):
        assert section in run.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert summary["graph"]["n_units"] == 36
    for detector in ("layered", "leiden"):
        assert summary["modules"][detector]["n_modules"] == 2
        assert summary["modules"][detector]["significance"]["p"] == pytest.approx(0.1)
    assert len((out / "units.csv").read_text().splitlines()) == 37
    assert (out / "modules.csv").is_file()
    assert netsculpt.load(out / "graph.npz").n_edges == summary["graph"]["n_edges"]
    assert sorted(p.suffix for p in (out / "figures").iterdir())[0] == ".png"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["inputs"][0].startswith("sha256:")
    assert manifest["arguments"]["n_nulls"] == 9


def test_the_report_comes_before_the_folder(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed: list[str] = []
    write = folder.write_analysis

    def written(*arguments: Any, **options: Any) -> None:
        printed.append(capsys.readouterr().out)
        write(*arguments, **options)

    monkeypatch.setattr(folder, "write_analysis", written)
    plan, figures = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0), NO_FIGURES
    running.run(load_source(Source(file=model)), plan, figures, seed=0, output=tmp_path / "out")
    assert "Modules (layered)" in printed[0]
    assert "Hierarchy (layered)" in printed[0]
    assert "report.html" not in printed[0]
    after = " ".join(capsys.readouterr().out.split())
    assert after.startswith("The page to open in a browser is")


def test_every_stage_reports_all_its_steps(tmp_path: Path) -> None:
    steps: dict[str, list[int]] = {}
    totals: dict[str, int] = {}

    def progress(stage: str, done: int, total: int) -> None:
        steps.setdefault(stage, []).append(done)
        assert totals.setdefault(stage, total) == total

    graph, _ = netsculpt.planted([8, 8, 8], 2, 0.9, 0.05, rng=0)
    plan = netsculpt.AnalysisPlan(n_nulls=3, n_seeds=2)
    analysis = netsculpt.analyze(graph, plan, rng=0, progress=progress)
    folder.write_analysis(
        analysis, tmp_path, figures=FigureStyle(("png",), "icml"), progress=progress
    )
    n_figures = len(list((tmp_path / "figures").iterdir()))
    assert totals == {
        "path core": 1,
        "path metrics": 1,
        "layered": 1,
        "layered: modules": 1,
        "layered: null networks": 3,
        "layered: stability": 2,
        "writing tables and graph": 1,
        "writing the page": 1,
        "drawing figures": n_figures,
    }
    assert steps.pop("layered: stability") == [0, 0, 1, 2]  # foretold before the null networks
    del totals["layered: stability"]
    assert steps == {stage: list(range(total + 1)) for stage, total in totals.items()}


def test_the_folder_is_written_even_if_stdout_is_closed_early(model: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "netsculpt",
        "analyze",
        str(model),
        "-o",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen([*command, *QUICK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["arguments"]["n_nulls"] == 9


def test_the_default_options_are_the_default_plan() -> None:
    options = PlanOptions()
    assert options.plan(chosen_detectors(options.detector)) == netsculpt.AnalysisPlan()


def test_the_default_detector_is_layered(model: Path) -> None:
    run = cli("analyze", model, "--json", "--nulls", 0, "--stability-seeds", 0)
    assert list(json.loads(run.stdout)["modules"]) == ["layered"]


def test_json_is_all_of_stdout_and_repeatable(model: Path) -> None:
    first, second = (cli("analyze", model, "--json", *QUICK, "--seed", 3) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["schema"] == "netsculpt.summary/2"
    assert first.stdout == second.stdout
    assert first.stderr == "", "no progress bar unless stderr is a terminal"


@pytest.mark.slow
def test_all_forms_of_the_weights_are_reported(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--nulls", 20, "--stability-seeds", 2, "--weights", "all", "--figures", "png")
    run = cli("analyze", model, "-o", out, *options)
    assert run.returncode == 0, run.stderr
    modules = json.loads((out / "summary.json").read_text())["modules"]
    forms = {key: (x["detector"], x["weights"]) for key, x in modules.items()}
    assert forms == {
        "layered": ("layered", "balanced"),
        "layered_pattern": ("layered", "pattern"),
        "layered_magnitude": ("layered", "magnitude"),
    }
    header = (out / "units.csv").read_text().splitlines()[0]
    figures = {path.stem for path in (out / "figures").iterdir()}
    for key, found in modules.items():
        assert f"Modules ({key})" in run.stdout
        assert f'"confidence_{key}"' in header
        assert {f"network_{key}", f"null_{key}", f"flow_{key}"} <= figures
        assert found["verdict"] == "modular"
        assert found["delta"] == pytest.approx(found["quality"] - found["significance"]["mean"])
    assert run.stdout.count("modular: more so than chance") == 3
    assert "ΔQ = " in run.stdout
    assert "p ≤ 0.048 (the least possible with 20)" in run.stdout
    links = (out / "links.csv").read_text().splitlines()
    assert links[0].startswith('"key","detector","weights","source","target"')
    assert '"steps_per_path"' in (out / "flows.csv").read_text()


def test_too_few_null_networks_to_reject_are_no_test(model: Path) -> None:
    run = cli("analyze", model, *QUICK)
    assert "untested: 9 null networks cannot give a p of 0.05, at least 19 are needed" in one_line(
        run.stdout
    )


@pytest.mark.slow
def test_unstable_modules_come_with_their_consensus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph, truth = netsculpt.planted([12, 12, 12], 2, 0.7, 0.05, rng=0)

    def torn(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        """The truth, its units dealt out again in every run but for the first layer."""
        labels = truth.labels.copy()
        labels[12:] = np.random.default_rng(rng).permutation(labels[12:])
        return netsculpt.Partition(labels)

    monkeypatch.setattr(stages, "detector_of", lambda *_: torn)
    monkeypatch.setattr(modules_verdict, "SIGNIFICANT", 1.0)  # modules dealt out at random are not
    plan = netsculpt.AnalysisPlan(n_nulls=20, n_seeds=10)
    analysis = netsculpt.analyze(graph, plan, rng=0)
    (each,) = analysis.detected
    assert each.verdict == "unstable"
    assert each.confidence is not None
    assert each.confidence[:12].min() > each.confidence[12:].mean()
    analysis_report.print_report(analysis)
    printed = one_line(capsys.readouterr().out)
    assert "unstable: more modular than chance, but runs over seeds find different" in printed
    assert "columns consensus_layered and confidence_layered of units.csv" in printed
    assert "Of modules that another run would not find" in printed
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(plots, "network", lambda *_, **options: drawn.update(options))
    folder.write_analysis(analysis, tmp_path, figures=FigureStyle(("png",)))
    np.testing.assert_array_equal(drawn["confidence"], each.confidence)
    content = json.loads((tmp_path / "summary.json").read_text())["modules"]["layered"]
    assert content["verdict"] == "unstable"
    assert content["consensus"]["mean_confidence"] == pytest.approx(np.nanmean(each.confidence))


@pytest.mark.parametrize(("seeds", "why"), [(0, "no runs were asked for"), (1, "a single run")])
def test_why_stability_is_not_measured(model: Path, seeds: int, why: str) -> None:
    run = cli("analyze", model, "--nulls", 0, "--stability-seeds", seeds)
    assert f"Stability not measured: {why}" in one_line(run.stdout)
    assert "--stability-seeds" in run.stdout


@pytest.fixture(scope="module")
def whole() -> netsculpt.Analysis:
    """Of two planted modules."""
    graph, _ = netsculpt.planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    return netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=20, n_seeds=2), rng=0)


def test_a_negative_ami_is_explained(
    whole: netsculpt.Analysis, capsys: pytest.CaptureFixture[str]
) -> None:
    (each,) = whole.detected
    for ami, said in ((-0.03, True), (0.03, False), (-1e-4, False)):
        changed = replace(whole, detected=(replace(each, layer_ami=ami),))
        analysis_report.print_report(changed)
        printed = one_line(capsys.readouterr().out)
        assert "AMI with the layers" in printed
        assert ("below 0 = more evenly than by chance" in printed) is said


def worth(each: netsculpt.pipeline.Detected, verdict: str) -> netsculpt.pipeline.Detected:
    """The same modules with numbers that give another verdict."""
    test = each.significance
    assert test is not None
    changes: dict[str, dict[str, Any]] = {
        "modular": {"p": 0.01, "mean": test.value - 0.2},
        "weak": {"p": 0.01, "mean": test.value - 0.001},
        "unstable": {"p": 0.01, "mean": test.value - 0.2},
        "chance": {"p": 0.5},
        "untested": {"n": 9},
    }
    stability = 0.1 if verdict == "unstable" else 1.0
    found = replace(each, significance=replace(test, **changes[verdict]), stability=stability)
    assert found.verdict == verdict
    return found


FACTS = ("they are parallel", "there is no hierarchy among them")
RESERVED = {
    "weak": "Of modules that are little more than chance",
    "unstable": "Of modules that another run would not find",
    "chance": "Of modules that are no more than chance",
    "untested": "Of modules that may be no more than chance",
}


@pytest.mark.parametrize("verdict", ["modular", *RESERVED])
def test_a_hierarchy_is_a_fact_only_of_modules_that_are(
    verdict: str,
    whole: netsculpt.Analysis,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In terminal, summary and all figures; of parallel modules, joined ones, and a chain."""
    each = worth(whole.detected[0], verdict)
    chain = from_matrices([np.ones((4, 4))])
    kinds = {
        "parallel": each.hierarchy,
        "merged": infer(whole.graph, each.partition),
        "ordered": infer(chain, netsculpt.Partition([0] * 4 + [1] * 4)),
    }
    for kind, hierarchy in kinds.items():
        assert hierarchy.kind == kind
        changed = replace(whole, detected=(replace(each, hierarchy=hierarchy),))
        analysis_report.print_report(changed)
        printed = one_line(capsys.readouterr().out)
        content = summary(changed)["modules"]["layered"]["hierarchy"]
        for text in content["statements"]:
            assert text in printed
        said = " ".join(content["statements"])
        for other, text in RESERVED.items():
            assert (text in said) is (other == verdict)
        if verdict != "modular":
            assert not any(fact in said for fact in FACTS)
        elif kind != "ordered":
            assert any(fact in said for fact in FACTS)
        assert ("Untested: 1 link between modules" in said) is (kind == "ordered")
    drawn: dict[str, Any] = {}
    of_modules = ("network", "adjacency", "module_hierarchy", "module_flow")
    for name in (*of_modules, "path_profile", "pair_weights", "null_distribution"):
        monkeypatch.setattr(
            plots, name, lambda *_, name=name, **options: drawn.update({name: options})
        )
    folder.write_analysis(replace(whole, detected=(each,)), tmp_path, figures=FigureStyle(("svg",)))
    assert {name: drawn[name]["verdict"] for name in of_modules} == dict.fromkeys(
        of_modules, verdict
    )


def test_what_is_known_of_links_is_said(
    whole: netsculpt.Analysis, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two modules at the inputs feed two at the outputs, one each by more than chance."""
    rng = np.random.default_rng(0)
    chance = np.kron([[0.75, 0.25], [0.25, 0.75]], np.ones((12, 12)))
    graph = from_matrices([rng.random((24, 24)) < chance]).pattern
    halves = netsculpt.Partition(np.repeat([0, 1, 2, 3], 12))
    tested = ordered(graph, halves, null=netsculpt.nulls.rewire, form="pattern", n=20, rng=0)
    each = replace(whole.detected[0], hierarchy=tested, partition=halves)
    changed = replace(whole, detected=(each,))
    analysis_report.print_report(changed)
    text = (
        "Links kept: 2 heavier than by chance, 2 no heavier than by chance. What is not heavier is "
        "kept because nothing leads back (dashed in the figures)."
    )
    assert text in one_line(capsys.readouterr().out)
    content = summary(changed)
    hierarchy = content["modules"]["layered"]["hierarchy"]
    assert text in hierarchy["statements"]
    assert hierarchy["kept"] == {"more than chance": 2, "no more than chance": 2, "untested": 0}
    schema = Path(netsculpt.__file__).parent / "report" / "summary.schema.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(content)


@pytest.mark.parametrize("jobs", [0, -2, -5, 1025, 10**12])
@pytest.mark.parametrize("command", [("analyze", "model.pt"), ("sculpt", "reused")])
def test_numbers_of_jobs_that_nobody_means(command: tuple[str, ...], jobs: int) -> None:
    run = cli(*command, "-j", jobs)
    assert run.returncode == 2
    assert "1 to 1,024 are needed, or -1" in one_line(run.stderr.replace("│", " "))


@pytest.mark.parametrize("option", ["--nulls", "--stability-seeds"])
@pytest.mark.parametrize("number", [10**10, 10**20, -1])
def test_counts_beyond_all_computation(option: str, number: int) -> None:
    assert cli("analyze", "model.pt", option, number).returncode == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--detector", "functional"),
        ("--detector", "functional", "--task", "reused"),
        ("--detector", "all", "--task", "reused"),
    ],
)
def test_data_of_nets_that_netsculpt_did_not_write(model: Path, options: tuple[str, ...]) -> None:
    run = cli("analyze", model, *QUICK, *options)
    assert run.returncode == 2
    said = one_line(run.stderr.replace("│", " "))
    assert "only for a model.pt that netsculpt wrote" in said
    assert "which 'pruned.pth' is not: choose another --detector" in said
    assert cli("analyze", "nothing.pt", *QUICK, *options).returncode == 3
    told = one_line(cli("analyze", "--help", columns=200).stdout.replace("│", " "))
    assert "measures only a model.pt that netsculpt wrote" in told


def test_summary_obeys_its_schema(model: Path) -> None:
    schema = json.loads(
        (Path(netsculpt.__file__).parent / "report" / "summary.schema.json").read_text()
    )
    options = ("--nulls", "20", "--stability-seeds", "2", "--weights", "balanced,pattern")
    run = cli("analyze", model, "--json", *options, "--detector", "layered,sculpting")
    jsonschema.Draft202012Validator(schema).validate(json.loads(run.stdout))


@pytest.mark.slow
def test_demo_sculpts_and_finds_the_truth(tmp_path: Path) -> None:
    run = cli("demo", "-o", "demo", "--figures", "none", cwd=tmp_path, columns=None)
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith(
        "netsculpt: sculpting six networks …\nnetsculpt: sculpting six networks: done in "
    )
    graph = netsculpt.load(tmp_path / "demo" / "model.pt")
    assert 8 < graph.n_edges < 80
    verdict = run.stdout.split("The truth")[1]
    for detector in ("path_signature", "functional"):
        assert re.search(rf"{detector} +\d+ +as they truly are +as they truly are", verdict)
    assert re.search(r"layered +\d+ +as they truly are +not so", verdict)
    assert re.search(r"layered: outputs [\d, and]+ are of one function, .*\(p 0\.\d+, so", verdict)
    following = verdict.split("Next\n")[1]
    commands = re.findall(r"^  netsculpt (.+)$", following, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        done = cli(*shlex.split(command), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo-again" / "report.html").is_file()


@pytest.mark.parametrize("ending", [".graphml", ".gexf", ".npz"])
def test_export(model: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"graph{ending}"
    run = cli("export", model, "-o", path)
    assert run.returncode == 0, run.stderr
    if ending == ".npz":
        assert netsculpt.load(path).n_units == 36
    else:
        read = nx.read_graphml if ending == ".graphml" else nx.read_gexf
        assert read(path).number_of_nodes() == 36


def test_missing_file(tmp_path: Path) -> None:
    run = cli("analyze", tmp_path / "nothing.pt")
    assert run.returncode == 3
    assert one_paragraph(run.stderr)
    assert "nothing.pt" in run.stderr


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text file\n", b"\x89PNG\r\n\x1a\n\0\0", b"\x08"]
)
def test_wrong_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.pt"
    path.write_bytes(content)
    run = cli("analyze", path)
    assert run.returncode == 3
    assert one_paragraph(run.stderr)


def test_no_mask(tmp_path: Path) -> None:
    path = tmp_path / "dense.pth"
    torch.save(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).state_dict(), path)
    run = cli("analyze", path, *QUICK)
    assert run.returncode == 5
    assert one_paragraph(run.stderr)
    assert "--mask" in run.stderr
    assert cli("analyze", path, "--dense", *QUICK).returncode == 0


def test_a_mask_that_keeps_everything_is_a_mask(tmp_path: Path) -> None:
    state = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).state_dict()
    torch.save(state, tmp_path / "dense.pth")
    torch.save([torch.ones(3, 4), torch.ones(2, 3)], tmp_path / "masks.pt")
    run = cli("analyze", tmp_path / "dense.pth", "--mask", tmp_path / "masks.pt", *QUICK)
    assert run.returncode == 0, run.stderr


def test_ambiguous_chain(tmp_path: Path) -> None:
    path = tmp_path / "two_heads.pth"
    sizes = {"trunk": (6, 4), "left": (2, 6), "right": (3, 6)}
    torch.save({f"{name}.weight": torch.eye(*size) for name, size in sizes.items()}, path)
    run = cli("analyze", path)
    assert run.returncode == 5
    assert one_paragraph(run.stderr)
    assert "--model" in run.stderr


def test_unwritable_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = cli("analyze", model, "-o", tmp_path / "file" / "out")
    assert run.returncode == 2
    assert "cannot be written" in " ".join(run.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyse", "model.pt"),
        ("analyze",),
        ("analyze", "model.pt", "--detector", "leyden"),
        ("analyze", "model.pt", "--null", "none"),
        ("analyze", "model.pt", "--weights", "signed"),
        ("analyze", "model.pt", "--figures", "jpeg"),
        ("analyze", "model.pt", "--nulls", "-1"),
        ("export", "model.pt", "-o", "model.xlsx"),
        ("analyze", ""),
        ("analyze", "model.pt", "-o", ""),
        ("analyze", "model.pt", "--mask="),
    ],
)
def test_mistyped(arguments: tuple[str, ...], tmp_path: Path) -> None:
    run = cli(*arguments, cwd=tmp_path)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_path_from_input_to_output(tmp_path: Path) -> None:
    path = tmp_path / "collapsed.pth"
    first = torch.zeros(3, 2)
    torch.save({"a.weight": first, "b.weight": torch.eye(3)}, path)
    run = cli("analyze", path)
    assert run.returncode == 3
    assert "no path leads from an input to an output" in run.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    run = process("--debug", "analyze", tmp_path / "nothing.pt")
    assert "Traceback" in run.stderr


def test_interrupt(model: Path) -> None:
    script = (
        "import sys, netsculpt.cli as cli, netsculpt.nulls\n"
        "nulls = sys.modules['netsculpt.nulls.significance']\nfinite = nulls._finite\n"
        "def drawn(value, where):\n    print(where, flush=True)\n    return finite(value, where)\n"
        "nulls._finite = drawn\n"
        "cli.main()\n"
    )
    command = [sys.executable, "-c", script, "analyze", str(model), "--nulls", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any("null network" in line for line in process.stdout), "it ended before the null model"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    *announced, last = stderr.strip().splitlines()  # how long it will take, unless it is stopped
    assert last == "netsculpt: interrupted"
    assert all("will take about" in line for line in announced)


def test_an_interrupt_that_a_library_turns_into_an_error_is_still_one() -> None:
    script = (
        "import signal\nimport netsculpt.cli as cli\n"
        "def app(*arguments, **options):\n"
        "    try:\n        signal.raise_signal(signal.SIGINT)\n"
        "    except KeyboardInterrupt:\n        raise RuntimeError('half compiled') from None\n"
        "cli.app = app\ncli.main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 130
    assert run.stderr.strip() == "netsculpt: interrupted"


def test_formula_cells_are_quoted(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pth"
    torch.save({"=cmd().weight": torch.eye(2), "@x.weight": torch.ones(1, 2)}, path)
    run = cli("analyze", path, "-o", tmp_path / "out", *QUICK)
    assert run.returncode == 0, run.stderr
    table = (tmp_path / "out" / "units.csv").read_text()
    assert "\"'=cmd()" in table
    assert not re.search(r'(^|,)"?[=@]', table)


def test_version_and_help() -> None:
    assert process("--version").stdout.strip() == f"netsculpt {netsculpt.__version__}"
    for command in ((), ("analyze",), ("export",), ("demo",)):
        run = cli(*command, "--help")
        assert run.returncode == 0
        assert "Example" in run.stdout
        assert "130 interrupted" in " ".join(run.stdout.split())


@dataclass(frozen=True)
class Cut:
    """Options that travel together."""

    depth: Annotated[int, typer.Option("--depth", min=1)]
    name: Annotated[str, typer.Option("--cut-name")] = "first"


def test_fields_of_a_dataclass_are_options() -> None:
    received: list[object] = []

    @takes
    def command(*, before: bool = False, cut: Cut, seed: int = 0) -> None:
        """Cut something."""
        received.extend([before, cut, seed])

    app = typer.Typer()
    app.command()(command)
    run = CliRunner().invoke(app, ["--depth", "3", "--seed", "5"])
    assert run.exit_code == 0, run.output
    assert received == [False, Cut(3), 5]
    assert CliRunner().invoke(app, ["--cut-name", "x"]).exit_code == 2, "--depth has no default"
    assert CliRunner().invoke(app, ["--depth", "0"]).exit_code == 2
    assert list(signature(command).parameters) == ["before", "depth", "name", "seed"]


def test_nonfinite_weights_need_consent(tmp_path: Path) -> None:
    path = tmp_path / "nan.pth"
    weight = torch.eye(4)
    weight[0, 0] = np.nan
    torch.save({"a.weight": weight, "b.weight": torch.ones(3, 4)}, path)
    assert cli("analyze", path).returncode == 3
    assert cli("analyze", path, "--allow-nonfinite", *QUICK).returncode == 0


def test_a_model_is_read_once_for_its_graph_its_task_and_its_influence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, path, read = MLP((4, 6, 4)), tmp_path / "model.pt", list[str]()
    state = initial_net(net, rng=0).state_dict()
    masks = {"fc1.weight": torch.rand(6, 4) < 0.5}
    plan = {"task": "input-separable"}
    write_model(path, net=net.spec, state=state, masks=masks, metadata={"plan": plan})
    check_pickle = torch_zip.check_pickle

    def counted(stream: Any, source: Any, *more: Any) -> None:
        read.append(source.path.name)
        check_pickle(stream, source, *more)

    monkeypatch.setattr(torch_zip, "check_pickle", counted)
    for options in ((), ("--task", "input-separable")):
        run = cli("analyze", path, "--detector", "functional", *QUICK, *options)
        assert run.returncode == 0, run.stderr
        assert "Modules (functional)" in run.stdout
    assert read == ["model.pt"] * 2
