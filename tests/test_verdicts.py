"""Verdicts by evidence and by test, several at once, in result, JSON and terminal."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from itertools import chain, combinations
from math import exp, inf, log, nan
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pandas as pd
import pytest
from commands import cli

import netsculpt
from netsculpt.core.declared import evidence_of, is_without_weights, with_evidence, without_weights
from netsculpt.core.errors import GraphError
from netsculpt.core.random import RNG
from netsculpt.modules import chance_of_evidence, mdl, module_evidence, verdict_of_evidence
from netsculpt.modules.verdict import DECISIVE
from netsculpt.nulls import holm
from netsculpt.pipeline import stages
from netsculpt.report.summary import summary, summary_json
from netsculpt.report.terminal import progress_lines as lines
from netsculpt.report.terminal.analysis import print_report
from netsculpt.report.words import several_tests, statement

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from verdicts import GROUPS, QUICK, SMALLS, STABLES, Cell, measure, study, tables


def by_closed_testing(p: list[float]) -> list[float]:
    """The largest Bonferroni p of all sets of hypotheses that hold the one."""
    m = len(p)
    sets = list(chain.from_iterable(combinations(range(m), size) for size in range(1, m + 1)))
    return [
        max(min(1.0, len(one) * min(p[j] for j in one)) for one in sets if i in one)
        for i in range(m)
    ]


@pytest.mark.parametrize("m", [0, 1, 2, 5, 7])
def test_holm_is_the_closed_test(m: int) -> None:
    rng = np.random.default_rng(m)
    for draws in (rng.random(m) ** 3, rng.integers(1, 4, m) / 20):
        adjusted = holm(draws)
        np.testing.assert_allclose(adjusted, by_closed_testing(draws.tolist()), rtol=1e-12)
        assert (adjusted >= draws).all()


@pytest.mark.parametrize("p", [[0.1, nan], [-0.1], [1.1], [[0.1]], 0.1])
def test_holm_needs_p_values(p: object) -> None:
    with pytest.raises(GraphError, match="from 0 to 1 is needed"):
        holm(p)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "stability", "expected"),
    [
        (DECISIVE, None, "modular"),
        (DECISIVE - 1e-9, 1.0, "chance"),
        (inf, 0.9, "modular"),
        (-inf, 0.9, "chance"),
        (50.0, 0.6, "unstable"),
        (50.0, nan, "unstable"),
        (1.0, 0.1, "chance"),
        (nan, 1.0, "untested"),
    ],
)
def test_verdict_of_evidence(evidence: float, stability: float, expected: str) -> None:
    assert verdict_of_evidence(evidence, stability) == expected


def test_the_limit_is_odds_of_100() -> None:
    assert exp(DECISIVE) == pytest.approx(100)
    assert chance_of_evidence(DECISIVE) == pytest.approx(0.02)
    assert [chance_of_evidence(x) for x in (-inf, 0.0, inf)] == [1.0, 1.0, 0.0]


def test_a_detector_declares_its_evidence() -> None:
    assert evidence_of(mdl) is module_evidence
    graph, _ = netsculpt.planted([12] * 3, 2, 0.6, 0.1, rng=0)
    result = module_evidence(graph, rng=4)
    assert mdl(graph, rng=4).labels.tobytes() == result.partition.labels.tobytes()
    assert evidence_of(netsculpt.modules.layered) is None


@pytest.fixture(scope="module")
def several() -> netsculpt.Analysis:
    """Two detectors without weights, one of them with evidence, and one on two forms."""
    graph = netsculpt.planted([12, 14, 12], 2, 0.6, 0.05, rng=0)[0]
    weights = np.random.default_rng(0).lognormal(0, 0.5, graph.n_edges)
    plan = netsculpt.AnalysisPlan(
        ("mdl", "layered", "sculpting"), n_nulls=19, n_seeds=3, weights=("balanced", "pattern")
    )
    return netsculpt.analyze(graph.with_weights(weights), plan, rng=0)


def test_what_reads_no_weights_is_listed_once(several: netsculpt.Analysis) -> None:
    assert [(each.key, each.weights) for each in several.detected] == [
        ("mdl", "balanced"),
        ("layered", "balanced"),
        ("layered_pattern", "pattern"),
        ("sculpting", "balanced"),
    ]


def test_modules_from_data_are_listed_once(several: netsculpt.Analysis) -> None:
    graph = several.graph
    plan = netsculpt.AnalysisPlan(("functional",), n_nulls=0, weights=("pattern", "balanced"))
    influence = np.random.default_rng(0).random((graph.n_units, graph.outputs.size))
    found = netsculpt.analyze(graph, plan, rng=0, influence=influence).detected
    assert [(each.key, each.weights) for each in found] == [("functional", "pattern")]


def test_another_packages_detector_may_declare_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[netsculpt.NetGraph] = []

    @without_weights
    def own(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        calls.append(graph)
        return netsculpt.Partition(np.arange(graph.n_units) % 2)

    monkeypatch.setattr(stages, "detector_of", lambda *_: own)
    graph = netsculpt.planted([4, 4, 4], 1, 0.9, 0.9, rng=0)[0]
    plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0, weights=("pattern", "balanced"))
    assert len(netsculpt.analyze(graph, plan, rng=0).detected) == len(calls) == 1
    assert is_without_weights(own)
    assert not is_without_weights(netsculpt.modules.layered)


def test_the_evidence_decides_and_no_null_network_is_drawn(several: netsculpt.Analysis) -> None:
    mdl_found = several.detected[0]
    assert mdl_found.significance is None
    assert mdl_found.evidence is not None
    assert mdl_found.evidence.accepted
    assert mdl_found.verdict == "modular"
    assert mdl_found.p == chance_of_evidence(mdl_found.evidence.evidence)
    live = several.effective.units
    assert (mdl_found.partition.labels[live] == mdl_found.evidence.partition.labels).all()
    assert mdl_found.quality == pytest.approx(
        netsculpt.modules.quality(several.graph.balanced, mdl_found.partition), rel=1e-6
    )


def test_evidence_needs_no_null_networks(capsys: pytest.CaptureFixture[str]) -> None:
    plan = netsculpt.AnalysisPlan(("mdl",), n_nulls=0, n_seeds=2)
    for k, p_in, p_out, expected in ((2, 0.6, 0.05, "modular"), (1, 0.2, 0.2, "chance")):
        graph = netsculpt.planted([16, 16, 16], k, p_in, p_out, rng=3)[0]
        analysis = netsculpt.analyze(graph, plan, rng=0)
        (found,) = analysis.detected
        assert found.verdict == expected
        assert found.partition.n_modules == k
        print_report(analysis)
        printed = " ".join(capsys.readouterr().out.split())
        assert statement(found) in printed
        assert found.evidence is not None
        assert f"nats ({found.evidence.bits_per_edge:.3f}".replace("-", "−") in printed
        assert "untested" not in printed
        assert "Verdicts" not in printed, "one detector is no table"
        content = summary(analysis)["modules"]["mdl"]
        assert content["evidence"]["accepted"] is (expected == "modular")
        assert content["verdict"] == expected
        assert content["significance"] is None


@pytest.mark.parametrize(
    ("evidence", "accepted", "stability", "expected"),
    [
        (log(250.0), True, 1.0, "modular: modules explain the edges better than degrees do, odds"),
        (log(250.0), True, None, "odds 250 to 1 (stability not measured)"),
        (log(250.0), True, 0.1, "unstable: there are modules, odds 250 to 1, but runs"),
        (log(2.0), False, 1.0, "chance: odds 2 to 1 for modules against none, 100 to 1 are needed"),
        (-log(4.0), False, 1.0, "chance: odds 1 to 4 for"),
        (100 * log(10.0), True, 1.0, "odds 10^100 to 1"),
        (-100 * log(10.0), False, 1.0, "odds 1 to 10^100"),
        (log(250.0), False, 1.0, "chance: odds 250 to 1 for modules against none, but which ones"),
    ],
)
def test_evidence_in_words(
    several: netsculpt.Analysis,
    evidence: float,
    accepted: bool,
    stability: float | None,
    expected: str,
) -> None:
    from dataclasses import replace

    first = several.detected[0]
    assert first.evidence is not None
    found = replace(first.evidence, evidence=evidence, accepted=accepted)
    text = statement(replace(first, evidence=found, stability=stability))
    assert expected in text
    assert text.startswith(replace(first, evidence=found, stability=stability).verdict)


@pytest.mark.parametrize("evidence", [nan, inf, -inf])
def test_evidence_that_is_not_finite_is_reported(
    several: netsculpt.Analysis, evidence: float, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    first, *others = several.detected
    assert first.evidence is not None
    found = replace(first.evidence, evidence=evidence, accepted=evidence > 0)
    judged = replace(first, evidence=found)
    analysis = replace(several, detected=(judged, *others))
    assert judged.verdict == verdict_of_evidence(evidence, first.stability)
    assert judged.p == {inf: 0.0, -inf: 1.0}.get(evidence)
    assert ("mdl" in analysis.adjusted_p) is not np.isnan(evidence)
    assert statement(judged).startswith(judged.verdict)
    print_report(analysis)
    assert statement(judged) in " ".join(capsys.readouterr().out.split())
    content = json.loads(summary_json(analysis))
    schema = Path(netsculpt.report.__path__[0], "summary.schema.json").read_text()
    jsonschema.validate(content, json.loads(schema))
    assert content["modules"]["mdl"]["evidence"]["evidence"] is None


def test_the_table_of_verdicts(
    several: netsculpt.Analysis,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table = several.verdicts().set_index("key")
    adjusted = by_closed_testing([float(each.p or nan) for each in several.detected])
    np.testing.assert_allclose(table["adjusted_p"], adjusted, rtol=1e-9)
    assert np.isnan(table.loc["mdl", "z"])
    assert table["evidence"].notna().tolist() == [True, False, False, False]
    for each in several.detected:
        row = table.loc[each.key]
        assert (row["verdict"], row["n_modules"]) == (each.verdict, each.partition.n_modules)
    print_report(several)
    printed = capsys.readouterr().out.split("\nVerdicts\n")[1].split("\nAgreement\n")[0]
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows[1:5]] == ["mdl", "layered", "layered", "sculpting"]
    assert [row[-1] for row in rows[1:5]] == [each.verdict for each in several.detected]
    assert rows[2][2] == str(several.detected[1].partition.n_modules)
    assert max(map(len, printed.splitlines())) <= 80
    assert "4 tests of one network" in printed


def test_several_tests_in_words(several: netsculpt.Analysis) -> None:
    text = several_tests(several)
    assert text is not None
    assert text.startswith("4 tests of one network: without any modules, up to 0.2 of them")
    # 19 null networks: p ≥ .05, so that only the evidence is left of four tests.
    assert "any false one at 5%, mdl is significant." in text
    few = (
        "For others 19 null networks are too few to tell: the least p is 0.05; with 79 all 4 could"
    )
    assert few in text
    least = 1 / (79 + 1)
    assert holm([least] * 4).max() <= 0.05 + 1e-12
    assert holm([1 / 79] * 4).max() > 0.05


def test_several_tests_of_which_none_is_significant(several: netsculpt.Analysis) -> None:
    from dataclasses import replace

    text = several_tests(replace(several, detected=several.detected[1:3]))
    assert text is not None
    assert "none are significant. But 19 null networks are too few to tell" in text
    assert text.endswith("with 39 both could be significant.")


def test_one_test_is_not_several(several: netsculpt.Analysis) -> None:
    plan = netsculpt.AnalysisPlan(n_nulls=2, n_seeds=0)
    one = netsculpt.analyze(several.graph, plan, rng=0)
    assert several_tests(one) is None
    assert one.adjusted_p == {"layered": one.detected[0].p}


def test_json_has_evidence_and_adjusted_p(several: netsculpt.Analysis) -> None:
    content = summary(several)
    schema = Path(netsculpt.report.__path__[0], "summary.schema.json").read_text()
    jsonschema.validate(content, json.loads(schema))
    assert content["multiple_testing"]["n_tests"] == 4
    assert content["multiple_testing"]["statement"] == several_tests(several)
    for key, found in content["modules"].items():
        assert found["adjusted_p"] == pytest.approx(several.adjusted_p[key], rel=1e-9)
        assert (found["evidence"] is not None) is (key == "mdl")
    assert content["modules"]["mdl"]["evidence"]["n_modules"] == 2


def test_a_piped_run_says_which_detector_it_is_at(
    several: netsculpt.Analysis, tmp_path: Path
) -> None:
    path = tmp_path / "graph.npz"
    netsculpt.save(several.graph, path)
    options = ("--nulls", 0, "--stability-seeds", 0, "--json")
    run = cli("analyze", path, *options, "--detector", "layered,sculpting", "--weights", "all")
    assert run.returncode == 0, run.stderr
    names = [line.split(": ")[1].removesuffix(" …") for line in run.stderr.splitlines()]
    keys = list(json.loads(run.stdout)["modules"])
    assert keys == ["layered", "layered_pattern", "layered_magnitude", "sculpting"]
    assert names == [key for key in keys for _ in range(2)], "one line each at begin and end"
    assert all(" s" in line for line in run.stderr.splitlines()[1::2])
    assert cli("analyze", path, *options).stderr == "", "one detector is told by its report"


def test_progress_lines_outlive_their_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stderr", stream)
        report = lines.progress_lines(["a", "b"])
        for done in (0, 1):
            report("a", done, 1)
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", heard)
    report = lines.progress_lines(["a", "b"])
    for stage in ("a", "a: modules", "b"):
        report(stage, 0, 1)
        report(stage, 1, 1)
    assert [line[:13] for line in heard.getvalue().splitlines()] == [
        f"netsculpt: {begins}" for begins in ("a ", "a:", "b ", "b:")
    ]


def test_null_networks_that_take_long_are_counted_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, heard = [0.0], io.StringIO()
    monkeypatch.setattr(lines, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", heard)
    report = lines.together(lines.progress_lines(["a"]), lines.remaining_lines(every=30))
    for done in range(21):
        report("a: null networks", done, 100)
        now[0] += 6
    assert heard.getvalue().splitlines() == [
        f"netsculpt: a: null networks: {done} of 100, about {left} left"
        for done, left in ((5, "9.5 min"), (10, "9.0 min"), (15, "8.5 min"), (20, "8.0 min"))
    ]


def test_the_first_step_does_not_tell_how_long_the_others_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Code is compiled in it."""
    now, heard = [0.0], io.StringIO()
    monkeypatch.setattr(lines, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", heard)
    report = lines.together(lines.progress_lines(["drawing"]), lines.remaining_lines(every=30))
    for done, seconds in ((0, 60), (1, 31), (2, 31), (3, 0)):
        report("drawing", done, 4)
        now[0] += seconds
    report("drawing", 4, 4)
    assert heard.getvalue().splitlines() == [
        "netsculpt: drawing …",
        "netsculpt: drawing: 1 of 4",
        "netsculpt: drawing: 2 of 4, about 62 s left",
        "netsculpt: drawing: 3 of 4, about 31 s left",
        "netsculpt: drawing: done in 122.0 s",
    ]


def test_unusual_evidence_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another package's detector may return."""

    def weigh(graph: netsculpt.NetGraph, *, rng: RNG = None) -> SimpleNamespace:
        partition = netsculpt.Partition(np.arange(graph.n_units) % 2)
        return SimpleNamespace(
            partition=partition,
            evidence=9.0,
            accepted=True,
            bits_per_edge=0.5,
            path=np.array([0.0]),
            n_modules=np.array([1]),
            summary=lambda: {
                "n_modules": 2,
                "evidence": 9.0,
                "bits_per_edge": 0.5,
                "needed": 4.6,
                "probability": 0.99,
                "accepted": True,
            },
        )

    @with_evidence(weigh)
    def weighing(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        raise AssertionError("the evidence has the partition")

    monkeypatch.setattr(stages, "detector_of", lambda *_: weighing)
    graph = netsculpt.planted([4, 4, 4], 1, 0.9, 0.9, rng=0)[0]
    analysis = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=5, n_seeds=0), rng=0)
    assert analysis.detected[0].verdict == "modular"
    schema = Path(netsculpt.report.__path__[0], "summary.schema.json").read_text()
    jsonschema.validate(summary(analysis), json.loads(schema))
    print_report(analysis)


@pytest.mark.parametrize("columns", [60, 80])
def test_no_line_is_wider_for_being_spelled(
    several: netsculpt.Analysis, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Spelled before lines are broken: → is one column wide, -> two."""
    written = io.BytesIO()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    noted = replace(several, notes=(f"{'a→' * 30} [bold]Δ ［x］",))
    print_report(noted)
    sys.stdout.flush()
    printed = written.getvalue().decode("ascii")
    assert max(map(len, printed.splitlines())) <= columns
    assert "".join(printed.split()).endswith(f"{'a->' * 30}[bold]Delta[x]")


def test_negative_numbers_have_a_minus(
    several: netsculpt.Analysis, capsys: pytest.CaptureFixture[str]
) -> None:
    each = several.detected[1]
    assert each.significance is not None
    test = replace(each.significance, mean=-0.25)
    changed = replace(each, quality=-0.0012, stability=-0.5, significance=test)
    print_report(replace(several, detected=(changed,)))
    printed = " ".join(capsys.readouterr().out.split())
    assert all(x in printed for x in ("Q = −0.001", "Q = −0.250", "Stability −0.50"))


def test_rates_of_verdicts_by_hand() -> None:
    def row(group: str, p: float, delta: float, stability: float) -> dict[str, object]:
        return {"group": group, "p": p, "n": 19, "delta": delta, "stability": stability}

    rows = pd.DataFrame(
        [
            row("found", 0.05, 0.2, 0.9),
            row("found", 0.05, 0.02, 0.9),
            row("found", 0.05, 0.2, 0.6),
            row("found", 0.5, 0.2, 0.9),
            row("without modules", 1.0, 0.0, 0.1),
        ]
    )
    result = tables({"networks": rows})
    rates = result["rates"].set_index(["small", "stable", "group"])
    assert len(rates) == len(SMALLS) * len(STABLES) * 2
    names = ["modular", "weak", "unstable", "chance", "passing"]
    assert rates.loc[(0.025, 2 / 3, "found"), names].tolist() == [0.25, 0.25, 0.25, 0.25, 0.5]
    assert rates.loc[(0.0, 0.0, "found"), names].tolist() == [0.75, 0.0, 0.0, 0.25, 1.0]
    assert rates.loc[(0.0, 0.0, "without modules"), names].tolist() == [0, 0, 0, 1, 1]
    groups = result["groups"].set_index("group")
    assert groups.loc["found", "significant"] == 0.75


def test_a_planted_network_of_the_study() -> None:
    (row,) = measure(Cell("planted", "4 × 24, 10:1", 0, 19, 2, 0))["networks"]
    assert (row["group"], row["verdict"], row["p"]) == ("found", "modular", 0.05)
    assert row["ari"] > 0.9
    (row,) = measure(Cell("without modules", "homogeneous", 0, 1, 2, 0))["networks"]
    assert row["group"] == "without modules"
    assert np.isnan(row["ari"])
    assert {cell.kind for cell in study(QUICK).cells} == {"without modules", "planted", "dense"}
    assert row["group"] in GROUPS
