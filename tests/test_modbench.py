"""ModBench: what its networks compute, that they are frozen, and what its scores say."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "analyses"), str(ROOT / "figures")]

import modbench1  # noqa: E402
from modbench1 import compiled, planted, published, sculpted, traced, transformers, wired  # noqa: E402
from modbench1.circuits import CHOSEN, circuit_text, resynthesised  # noqa: E402
from modbench1.disguises import DISGUISES  # noqa: E402
from modbench1.entrants import DEFAULT, FORMS, Entrant, entrants  # noqa: E402
from modbench1.network import Network, digest, drawn, shuffled  # noqa: E402
from modbench1.relu_net import influence_of, of_circuit  # noqa: E402
from modbench1.scores import fed_edges, scores  # noqa: E402
from modbench1.suites import PUBLISHED, SUITES, core_digest, networks_of, published_suite  # noqa: E402
from modbench1.tables import as_text, calibration, losses, overview  # noqa: E402
from patil2023.planted import write_planted  # noqa: E402

from netsculpt.core.catalog import names  # noqa: E402
from netsculpt.graph.circuits import compile_circuit, function_graph, parse_circuit, truth_table  # noqa: E402
from netsculpt.graph.graph import live_units  # noqa: E402
from netsculpt.graph.matrices import from_matrices  # noqa: E402
from netsculpt.graph.partition import Partition  # noqa: E402
from netsculpt.hierarchy import infer  # noqa: E402
from netsculpt.modules import quality  # noqa: E402
from netsculpt.training.tasks import boolean  # noqa: E402

CORE = "74e742bcd512d435b60cf06ccdf86db8a639e72724920bf122d4f2b517680a8e"
RNG = np.random.default_rng(0)  # of null networks; no test depends on what it draws
CIRCUITS = range(len(CHOSEN) + 4)  # all chosen ones, and some random ones


@pytest.fixture(scope="module")
def script():
    """The script, which has the name of no package."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("modbench_script", ROOT / "analyses" / "modbench.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("family", DISGUISES)
def test_disguises_keep_the_whole_truth_table(family):
    for index in CIRCUITS[:: 4 if family in compiled.TRAINED else 1]:  # training takes longer
        text, net = compiled.disguised("compiled", family, index)
        inputs, outputs = truth_table(parse_circuit(text))
        assert np.array_equal(net(inputs), outputs), (family, text)
        sizes = [labels.size for labels in net.labels]
        assert sizes == [net.weights[0].shape[1], *(weight.shape[0] for weight in net.weights)]


def test_a_changed_net_fails_the_truth_table():
    text, net = compiled.disguised("compiled", "rescaled", 2)
    inputs, outputs = truth_table(parse_circuit(text))
    for layer, weight in enumerate(net.weights):
        other = weight.copy()
        other.flat[np.abs(other).argmax()] *= -1
        weights = (*net.weights[:layer], other, *net.weights[layer + 1 :])
        assert not np.array_equal(replace(net, weights=weights)(inputs), outputs)


@pytest.mark.parametrize("family", DISGUISES)
def test_each_disguise_changes_what_it_says(family):
    index, rng = 5, drawn("compiled", "test", 0)
    text = circuit_text(index, rng)
    inputs, _ = truth_table(parse_circuit(text))
    plain = of_circuit(compile_circuit(parse_circuit(text)), compiled.functions_of(text))
    edges = sum(np.count_nonzero(weight) for weight in plain.weights)
    for disguise in DISGUISES[family]:
        net = disguise(plain, inputs, rng)
        n_edges = sum(np.count_nonzero(weight) for weight in net.weights)
        units = [[labels.size for labels in x.labels] for x in (plain, net)]
        name = disguise.__name__
        assert (units[1] > units[0]) == (name in {"doubled", "silent"}), name
        assert (n_edges > edges) == (name in {"doubled", "silent", "noisy"}), name
        same = units[0] == units[1] and all(
            np.array_equal(a, b) for a, b in zip(plain.weights, net.weights, strict=True)
        )
        assert not same, name


def test_silent_units_are_silent_and_have_no_module():
    text = CHOSEN[4].replace("; ", "\n")
    inputs, _ = truth_table(parse_circuit(text))
    plain = of_circuit(compile_circuit(parse_circuit(text)), compiled.functions_of(text))
    silent = next(x for x in DISGUISES["redundant"] if x.__name__ == "silent")
    net = silent(plain, inputs, np.random.default_rng(0))
    values = net.activations(inputs)
    n_new = 0
    for layer in range(1, len(values) - 1):
        new = net.labels[layer] < 0
        n_new += new.sum()
        assert values[layer][:, new].max() == 0
        assert (net.weights[layer - 1][new] != 0).any(axis=1).all()
        assert (net.weights[layer][:, new] != 0).any(axis=0).all()
    assert n_new >= len(values) - 2


def test_other_gates_compute_the_same():
    different = 0
    for index in CIRCUITS:
        text = circuit_text(index, drawn("compiled", "circuit", index))
        other = resynthesised(text, np.random.default_rng(index))
        before, after = (compile_circuit(parse_circuit(x)) for x in (text, other))
        inputs, outputs = truth_table(parse_circuit(text))
        assert np.array_equal(truth_table(parse_circuit(other))[1], outputs)
        assert np.array_equal(after(inputs), outputs)
        assert set(before.modules) == set(after.modules)
        different += before.truth.labels.tolist() != after.truth.labels.tolist()
    assert different > len(CIRCUITS) / 2


def test_random_circuits_differ_and_use_all_they_have():
    texts = [circuit_text(index, drawn("compiled", "circuit", index)) for index in range(8, 20)]
    assert len(set(texts)) == len(texts)
    for text in texts:
        inputs, outputs = truth_table(parse_circuit(text))
        assert inputs.shape[1] <= 10
        for column in range(inputs.shape[1]):
            flipped = inputs.copy()
            flipped[:, column] ^= True
            row = flipped @ (1 << np.arange(inputs.shape[1])[::-1])
            assert (outputs[row] != outputs).any(), (text, column)


def test_functions_own_inputs_and_outputs_as_in_compiled_circuits():
    for index in CIRCUITS:
        text = circuit_text(index, drawn("compiled", "circuit", index))
        circuit, functions = compile_circuit(parse_circuit(text)), compiled.functions_of(text)
        owner = [circuit.modules[label] for label in circuit.truth.labels]
        n_in, n_out = circuit.weights[0].shape[1], circuit.weights[-1].shape[0]
        named = [functions.modules[label] for label in functions.input_labels]
        assert named == owner[:n_in]
        named = [functions.modules[label] for label in functions.output_labels]
        assert named == owner[-n_out:]


def test_functions_feed_each_other_as_in_the_function_graph_of_the_text():
    for index in CIRCUITS:
        text = circuit_text(index, drawn("compiled", "circuit", index))
        functions = compiled.functions_of(text)
        feeds = {(functions.modules[a], functions.modules[b]) for a, b in functions.feeds}
        assert feeds == function_graph(parse_circuit(text))


def test_true_modules_of_plain_circuits_feed_each_other_as_their_functions_do():
    for network in networks_of("compiled", "plain", CIRCUITS):
        result = scores(network, network.truth, RNG)
        if network.feeds:
            assert (result["precision"], result["recall"], result["f1"]) == (1, 1, 1)
        assert result["ami"] == result["hidden"] == result["inputs"] == 1
        assert result["exact_inputs"]
        assert result["exact_outputs"]


def test_measured_functions_of_hidden_units_are_those_that_were_compiled():
    right = total = 0
    for index in CIRCUITS:
        text, net = compiled.disguised("compiled", "plain", index)
        task, true = boolean(text), np.concatenate(net.labels[1:-1])
        first = net.labels[0].size
        flips = influence_of(net.weights, net.biases, task)[first : first + true.size]
        labels = sculpted.hidden_labels(net, compiled.functions_of(text), task, flips)
        right, total = right + (labels == true).sum(), total + true.size
    assert total > 100
    assert right / total >= 0.97


def test_networks_are_frozen():
    assert modbench1.network.VERSION == "ModBench 1"
    assert core_digest() == CORE, "other networks need another version"


def test_digest_sees_every_part():
    network = next(planted.networks("planted", "strong", [0]))
    graph, labels = network.graph, network.truth.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    weights = graph.weights.data.copy()
    weights[0] *= 1.001
    others = [
        network,
        Network(graph, Partition(labels)),
        Network(graph.with_weights(weights), network.truth),
        replace(network, feeds=frozenset({(0, 1)})),
        next(planted.networks("planted", "strong", [1])),
    ]
    assert len({digest([other]) for other in others}) == len(others)
    assert digest([network]) == digest([next(planted.networks("planted", "strong", [0]))])


def test_shuffling_is_a_relabelling():
    network = next(networks_of("compiled", "redundant", [4]))
    reach = np.linalg.inv(np.eye(network.graph.n_units) - network.graph.pattern.weights.toarray())
    network = replace(network, influence=reach[:, network.graph.outputs])
    other = shuffled(network, np.random.default_rng(0))
    graph = other.graph
    assert not np.array_equal(network.truth.labels, other.truth.labels)
    assert quality(graph, other.truth) == pytest.approx(quality(network.graph, network.truth))
    paths = np.linalg.inv(np.eye(graph.n_units) - graph.pattern.weights.toarray())
    assert np.allclose(other.influence, paths[:, graph.outputs])
    assert graph.layers == network.graph.layers


def test_planted_families_have_or_lack_modules():
    for suite, families in (("planted", planted.FAMILIES), ("module-free", planted.FREE)):
        for family, kind in families.items():
            network = next(planted.networks(suite, family, [0]))
            assert [x.n_units for x in network.graph.layers] == list(kind.widths)
            assert network.truth.n_modules == (kind.k if suite == "planted" else 1)
            if kind.p_in > kind.p_out:
                assert quality(network.graph.pattern, network.truth) > 0.15


@pytest.mark.parametrize("family", ["masked", "short wires"])
def test_wired_nets_work_inside_their_groups(family):
    network = next(wired.networks("wired", family, [0]))
    graph, truth = network.graph, network.truth.labels
    inside = truth[graph.sources] == truth[graph.weights.indices]
    weight = np.abs(graph.weights.data)
    assert weight[inside].sum() > 0.55 * weight.sum()
    flips = network.influence[graph.inputs]
    same = truth[graph.inputs][:, None] == truth[graph.outputs]
    assert flips[same].mean() > 0.1, "an answer is half of what its four bits can be"
    assert flips[same].mean() > 3 * flips[~same].mean()


@pytest.mark.parametrize("family", ["residual groups", "head blocks"])
def test_traced_groups_are_connected_and_hidden(family):
    network = next(traced.networks("traced", family, [0]))
    graph, truth = network.graph, network.truth.labels
    inside = truth[graph.sources] == truth[graph.weights.indices]
    assert 0.5 < inside.mean() < 0.9
    kept = graph.weights.copy()
    kept.data = inside.astype(float)
    kept.eliminate_zeros()
    n_parts, part = connected_components(kept, directed=False)
    assert n_parts == 3
    assert np.array_equal(Partition(part).labels, truth)
    assert connected_components(graph.weights, directed=False)[0] == 1


def test_compiled_transformers_have_the_modules_of_their_program():
    names = ("tokens", "positions", "size", "opposite", "reversed")
    wanted = {  # the place to read from is made of the size and the position
        *(("positions", "size"), ("positions", "opposite"), ("size", "opposite")),
        *(("positions", "reversed"), ("opposite", "reversed"), ("tokens", "reversed")),
    }
    last = len(transformers.SIZES) - 1
    networks = transformers.networks("transformers", "reverse", [0, last])
    for index, network in zip((0, last), networks, strict=True):
        n_tokens, length = transformers.SIZES[index]
        graph, labels = network.graph, network.truth.labels
        assert [x.n_units for x in graph.layers[:2]] == [n_tokens + 1, length + 1]
        ends = zip(
            *(labels[x].tolist() for x in (graph.sources, graph.weights.indices)), strict=True
        )
        found = {(a, b) for a, b in ends if a != b and min(a, b) >= 0}
        assert found == network.feeds
        any_names = itertools.permutations(names)
        assert any({(x[a], x[b]) for a, b in found} == wanted for x in any_names)
        stream = labels[graph.layer("add").units]
        assert np.count_nonzero(np.diff(stream)) >= network.truth.n_modules  # units are shuffled


def test_sculpted_networks_have_their_functions():
    networks = list(sculpted.networks("sculpted", "two functions", range(2)))
    for network in networks:
        graph, truth = network.graph, network.truth.labels
        assert truth[graph.inputs].tolist() == [0, 0, 0, 1, 1, 1]
        assert truth[graph.outputs].tolist() == [0, 1, 0, 1]
        live = live_units(graph)
        assert (truth[live] >= 0).mean() > 0.8
        assert graph.n_edges < 100
    assert digest(networks[:1]) != digest(networks[1:])


def test_published_networks_are_read(tmp_path):
    write_planted(tmp_path, seed=0)
    suite = published_suite(tmp_path)
    assert suite.families["exemplars-input_separable"] == 2
    first = next(networks_of(PUBLISHED, "exemplars-input_separable", [0], tmp_path))
    assert first.truth.labels[first.graph.inputs].tolist() == [0, 0, 1, 1]
    assert first.truth.labels[first.graph.outputs].tolist() == [0, 0, 1, 1]
    assert published.families(tmp_path).keys() == suite.families.keys()


def test_scores_from_their_definitions():
    from sklearn.metrics import adjusted_mutual_info_score

    network = next(planted.networks("planted", "strong", [2]))
    graph, truth = network.graph, network.truth.labels
    live = live_units(graph)
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(graph.n_units) < 0.3, rng.integers(0, 4, graph.n_units), truth)
    labels[rng.random(graph.n_units) < 0.1] = -1
    result = scores(network, Partition(labels), RNG)
    alone = np.where(labels < 0, 10 + np.arange(labels.size), labels)

    def ami(units):
        units = np.intersect1d(units, np.flatnonzero(live))
        return adjusted_mutual_info_score(truth[units], alone[units])

    inputs, outputs = graph.inputs, graph.outputs
    hidden = np.setdiff1d(np.arange(graph.n_units), [*inputs, *outputs])
    assert result["ami"] == pytest.approx(ami(np.arange(graph.n_units)))
    assert result["inputs"] == pytest.approx(ami(inputs))
    assert result["hidden"] == pytest.approx(ami(hidden))
    by_layer = [ami(np.arange(x.start, x.stop)) for x in graph.layers]
    assert result["ami_by_layer"] == pytest.approx(by_layer)
    assert result["ami_layers"] == pytest.approx(np.mean(by_layer))
    assert result["splits"]
    assert not scores(network, Partition(graph.layer_of), RNG)["splits"]
    assert "f1" not in result
    whole = Partition(np.zeros(graph.n_units, int))
    assert scores(network, whole, RNG)["ami"] == pytest.approx(0)


def test_edges_between_modules_are_counted():
    """A chain 0 → 1 → 2 → 3 of single units, with some modules merged or missing."""
    graph = from_matrices([np.eye(1)] * 3)
    feeds = frozenset({(0, 1), (1, 2), (2, 3)})
    network = Network(graph, Partition([0, 1, 2, 3]), feeds)

    def rates(labels, of=network):
        return fed_edges(of, Partition(labels), RNG)

    assert rates([3, 2, 1, 0]) == {"precision": 1, "recall": 1, "f1": 1, "f1_merged": 1}
    two = rates([0, 0, 1, 2])  # the first is one of 0 and 1
    assert two["recall"] in (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert two["f1"] == pytest.approx(2 * 3 * two["recall"] / 5)
    one = rates([0, 0, 0, 0])
    assert np.isnan(one["precision"])
    assert (one["recall"], one["f1"]) == (0, 0)
    assert rates([0, 1, 2, 3], replace(network, feeds=frozenset({(1, 0)})))["f1"] == 0
    nothing_alike = Network(graph, Partition([0, -1, -1, 1]), frozenset({(0, 1)}))
    assert rates([-1, 0, 1, 1], nothing_alike)["recall"] == 0, "no unit in common is no match"


def test_circles_are_not_merged_away():
    """Functions whose units also exchange weak edges, which say nothing."""
    network = next(networks_of("compiled", "noisy", [10]))
    rates = fed_edges(network, network.truth, RNG)
    assert infer(network.graph, network.truth).merged
    assert rates["f1"] > rates["f1_merged"]


def test_every_detector_takes_part():
    known = entrants()
    assert {*names("detectors"), *names("data_aware")} <= set(known)
    blind = [x for x in known.values() if x.version is not None and not x.needs]
    assert len(blind) >= 8
    assert known["functional"].needs == "data"
    graph = next(planted.networks("planted", "strong", [0]))
    for entrant in known.values():
        if entrant.version is None or not entrant.suits(graph):
            continue
        form = FORMS[entrant.sees](graph.graph)
        found, seconds = entrant.modules(graph, form, np.random.default_rng(0))
        again, _ = entrant.modules(graph, form, np.random.default_rng(0))
        assert np.array_equal(found.labels, again.labels), entrant.name
        assert found.labels.size == graph.graph.n_units
        assert seconds >= 0


def test_strong_modules_are_found_by_other_libraries():
    network = next(planted.networks("planted", "strong", [0]))
    for name in ("leidenalg modularity", "igraph Leiden", "igraph Infomap", "n-cut with k"):
        entrant = entrants()[name]
        form = FORMS[entrant.sees](network.graph)
        found, _ = entrant.modules(network, form, np.random.default_rng(0))
        assert scores(network, found, RNG)["ami"] > 0.8, name


def rows_of(differences):
    """Scores of the default and one other on as many networks."""
    return pd.DataFrame(
        [
            {
                "suite": "s",
                "family": "f",
                "index": i,
                "entrant": name,
                **dict.fromkeys(("ami", "ami_layers"), 0.5 + own),
            }
            for i, difference in enumerate(differences)
            for name, own in ((DEFAULT, 0.0), ("other", difference), ("told", 0.5))
        ]
    )


KNOWN = {
    name: Entrant(name, "library", "1", "pattern", needs="k" if name == "told" else "")
    for name in (DEFAULT, "other", "told")
}


@pytest.mark.parametrize(
    ("differences", "lost"),
    [([0.2, 0.1, 0.3, 0.2], True), ([0.2, -0.2, 0.1, -0.1], False), ([-0.1] * 4, False)],
)
def test_a_lost_suite_is_shown_as_lost(differences, lost):
    table = losses(rows_of(differences), KNOWN)
    assert table["family"].tolist() == ["all", "f"]
    assert table["loses"].tolist() == [lost, lost]
    assert (table["best other"] == "other").all(), "who is told the truth does not count"
    assert table["difference"].iloc[0] == pytest.approx(-np.mean(differences))


def test_who_is_as_good_as_the_others_seldom_loses():
    """The best of eight is better by chance: the interval allows for that."""
    rng = np.random.default_rng(0)
    names = [DEFAULT, *(f"other {i}" for i in range(8))]
    known = {name: Entrant(name, "library", "1", "pattern") for name in names}
    parts = [(f"s{i}", index, name) for i in range(40) for index in range(30) for name in names]
    rows = pd.DataFrame(parts, columns=["suite", "index", "entrant"])
    rows = rows.assign(family="f", ami=rng.normal(size=len(rows)))
    table = losses(rows, known)
    assert table.loc[table["family"] == "all", "loses"].mean() <= 0.05


def test_calibration_counts_rejections():
    p = [0.05, 0.1, 0.5, 0.04, None]
    rows = pd.DataFrame({"suite": "s", "family": "f", "entrant": "x", "p": p, "delta": 0.1})
    row = calibration(rows).iloc[0]
    assert (row["networks"], row["rejected"]) == (4, 0.5)
    assert row["low"] < 0.5 < row["high"]


def test_who_is_not_installed_is_in_the_table():
    networks = rows_of([0.1]).assign(splits=True, seconds=0.01)
    known = {**KNOWN, "absent": Entrant("absent", "library", None, "pattern")}
    table = as_text(overview({"networks": networks}, known))
    assert table["entrant"].tolist() == [DEFAULT, "other", "told", "absent"]
    assert table["shown"].iloc[-1] == "not installed"
    for column in ("s", "per layer"):
        assert table[column].tolist() == ["0.50", "0.60", "1.00", "–"]


def test_study_resumes_to_the_same_tables(script, tmp_path):
    config = script.Config(
        suites=("module-free", "compiled"),
        entrants=("layered", "igraph Leiden", "functional"),
        most=1,
        n_nulls=1,
        costs=(),
        out=tmp_path,
    )
    study = script.study(config)
    assert len(study.cells) == len(planted.FREE) + len(compiled.FAMILIES)
    first = study.run(tmp_path)
    before = (tmp_path / "scores.csv").read_bytes()
    next(iter((tmp_path / "cells").iterdir())).unlink()
    second = study.run(tmp_path)
    assert first.n_done == second.n_done == len(study.cells)
    timeless = [x.tables["scores"].drop(columns="seconds").to_json() for x in (first, second)]
    assert timeless[0] == timeless[1]
    assert len(before.splitlines()) == 1 + 2 * len(planted.FREE) + 3 * len(compiled.FAMILIES)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (summary["version"], summary["digest"]) == ("ModBench 1", CORE)
    assert summary["networks"] == len(study.cells)
    assert (tmp_path / "table.md").read_text(encoding="utf-8").startswith("| entrant")
    with pytest.raises(ValueError, match="entrants are"):
        script.study(replace(config, entrants=("none",)))


def test_sizes_are_as_announced():
    n_networks = sum(sum(suite.families.values()) for suite in SUITES.values())
    assert n_networks >= 500
    assert all(set(suite.tested) <= set(suite.families) for suite in SUITES.values())


def test_figure(tmp_path):
    import modbench_scores

    table = {
        "entrant": ["layered", "told", "absent"],
        "shown": ["balanced", "balanced, k", "not installed"],
        "planted": [0.9, -0.02, None],
        "F1 compiled": [0.5, 1.0, None],
        "free: split": [1.0, None, None],
        "ms": [1.0, 20.0, None],
    }
    pd.DataFrame(table).to_csv(tmp_path / "overview.csv", index=False)
    page = modbench_scores.draw(tmp_path, "neurips")
    texts = [text.get_text() for ax in page.axes for text in ax.texts]
    assert texts == [".90", "−.02", ".50", "1.00", "1.00", "1.0 ms", "20 ms"]
    assert [x.get_text() for x in page.axes[0].get_yticklabels()] == ["layered", "told *"]
