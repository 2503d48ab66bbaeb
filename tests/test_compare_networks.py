"""Two networks compared: who is who, what became of the edges, the paths, and the modules."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise, permutations, product
from pathlib import Path

import numpy as np
import pytest
from commands import cli
from graphs import edge_paths, relabelled, scaled
from modularity import mixed

import netsculpt
from netsculpt import NetGraph, Partition, from_matrices
from netsculpt.compare.networks import (
    Signatures,
    UnitMatching,
    edge_changes,
    match_by_correlation,
    match_by_paths,
    module_links,
    place_agreement,
    same_units,
)
from netsculpt.compare.networks.shared import matched_edges
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.npz import save
from netsculpt.nulls import rewire
from netsculpt.paths import end_shares
from netsculpt.pipeline.rematching import signatures_of

PLAN = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)


def network(seed: int, *widths: int, density: float = 0.5) -> NetGraph:
    """A random network with weights of either sign."""
    generator = np.random.default_rng(seed)
    matrices = []
    for n_in, n_out in pairwise(widths):
        weight = generator.normal(size=(n_out, n_in))
        weight[generator.random(weight.shape) > density] = 0
        matrices.append(weight)
    return from_matrices(matrices)


def disguised(graph: NetGraph, seed: int) -> tuple[NetGraph, np.ndarray]:
    """The same function with hidden units shuffled and scaled; old unit at each place."""
    generator = np.random.default_rng(seed)
    shuffled, old = relabelled(graph, generator, ("hidden",))
    return scaled(shuffled, generator.uniform(0.1, 10, graph.n_units)), old


# --- end shares ---


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_ends_and_edges_are_those_of_enumerated_paths(seed: int) -> None:
    graph = mixed(seed).magnitude
    shares, weights = end_shares(graph), graph.weights.data.astype(float)
    inputs, outputs = graph.inputs.tolist(), graph.outputs.tolist()
    sources, targets = graph.sources, graph.weights.indices
    from_inputs, arriving = np.zeros(shares.inputs.shape), np.zeros(graph.n_edges)
    to_outputs, leaving = np.zeros(shares.outputs.shape), np.zeros(graph.n_edges)
    from_inputs[inputs, range(len(inputs))] = to_outputs[outputs, range(len(outputs))] = 1
    for unit in range(graph.n_units):
        for path in edge_paths(graph, inputs, [unit]):
            if path and targets[path[-1]] == unit:
                weight = weights[path].prod()
                from_inputs[unit, inputs.index(sources[path[0]])] += weight
                arriving[path[-1]] += weight
        for path in edge_paths(graph, [unit], outputs):
            if path:
                weight = weights[path].prod()
                to_outputs[unit, outputs.index(targets[path[-1]])] += weight
                leaving[path[0]] += weight
    into, out_of = from_inputs.sum(axis=1), to_outputs.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        wanted = [
            np.nan_to_num(from_inputs / into[:, None]),
            np.nan_to_num(to_outputs / out_of[:, None]),
            np.nan_to_num(arriving / into[targets]),
            np.nan_to_num(leaving / out_of[sources]),
        ]
    found = [shares.inputs, shares.outputs, shares.arriving, shares.leaving]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_shares_beyond_float64() -> None:
    deep = from_matrices([np.full((3, 3), 1e3)] * 200)
    shares = end_shares(deep)
    np.testing.assert_allclose(shares.inputs[3:], 1 / 3, rtol=1e-9)
    np.testing.assert_allclose(shares.arriving[9:], 1 / 3, rtol=1e-9)


# --- who is who ---


def naive_cost(first: NetGraph, second: NetGraph, partner: dict[int, int] | None) -> np.ndarray:
    """Difference of each two units from the definition; with partners, of their neighbours, too."""
    shares = [end_shares(graph.magnitude) for graph in (first, second)]
    cost = np.zeros((first.n_units, second.n_units))
    for a, b in product(range(first.n_units), range(second.n_units)):
        ends = sum(
            abs(getattr(shares[0], end)[a] - getattr(shares[1], end)[b]).sum()
            for end in ("inputs", "outputs")
        )
        cost[a, b] = ends / 4
        if partner is None:
            continue
        total = 0.0
        for kind in ("arriving", "leaving"):
            parts = []
            for graph, unit, share in zip((first, second), (a, b), shares, strict=True):
                edges = zip(
                    graph.sources.tolist(),
                    graph.weights.indices.tolist(),
                    getattr(share, kind).tolist(),
                    strict=True,
                )
                part = {}
                for source, target, value in edges:
                    own, other = (target, source) if kind == "arriving" else (source, target)
                    if own == unit:
                        part[other] = value
                parts.append(part)
            mapped = {partner[unit]: value for unit, value in parts[0].items()}
            total += sum(
                abs(mapped.get(unit, 0) - parts[1].get(unit, 0)) for unit in {*mapped, *parts[1]}
            )
        cost[a, b] = (cost[a, b] + total / 4) / 2
    return cost


def best(cost: np.ndarray, graph: NetGraph) -> dict[int, int]:
    """The assignment of least cost within hidden layers, by looking at all of them."""
    partner: dict[int, int] = {}
    for layer in graph.layers:
        units = list(range(layer.start, layer.stop))
        orders = permutations(units) if layer.role == "hidden" else [tuple(units)]
        order = min(orders, key=lambda x: sum(cost[a, b] for a, b in zip(units, x, strict=True)))
        partner |= dict(zip(units, order, strict=True))
    return partner


@pytest.mark.parametrize("seed", range(3))
def test_the_matching_is_the_best_of_all(seed: int) -> None:
    first, second = (network(10 * seed + n, 3, 4, 4, 2, density=1.0) for n in range(2))
    partner = best(naive_cost(first, second, None), first)
    cost = naive_cost(first, second, partner)
    wanted = best(cost, first)
    found = netsculpt.matched_units(first, second, rng=0)
    assert dict(enumerate(found.partner.tolist())) == wanted
    hidden = [unit for unit, layer in enumerate(first.layer_of) if layer in (1, 2)]
    np.testing.assert_allclose(
        found.cost[hidden], [cost[unit, wanted[unit]] for unit in hidden], atol=1e-12
    )
    assert np.isnan(np.delete(found.cost, hidden)).all()
    in_place = np.mean([cost[unit, unit] for unit in hidden])
    assert found.same_cost == pytest.approx(in_place)
    assert found.mean_cost <= found.chance


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_and_scaled_units_are_found_again(seed: int) -> None:
    graph = network(seed, 8, 20, 20, 4)
    other, old = disguised(graph, seed)
    matching = netsculpt.matched_units(graph, other, rng=0)
    on_path = netsculpt.paths.effective(graph).units
    assert on_path.sum() > 40
    assert (old[matching.partner[on_path]] == np.flatnonzero(on_path)).all()
    assert matching.mean_cost < 1e-9
    assert (matching.inverse[matching.partner] == np.arange(graph.n_units)).all()
    changes = edge_changes(
        graph.live(), other.live(), netsculpt.matched_units(graph.live(), other.live(), rng=0)
    )
    assert changes.total.jaccard == 1
    assert changes.total.mean_change < 1e-5
    assert changes.total.sign_flips == 0


def test_matching_does_not_depend_on_order_and_scale_of_either() -> None:
    first, second = network(1, 6, 12, 12, 3), network(2, 6, 12, 12, 3)
    before = netsculpt.matched_units(first, second, rng=0)
    one, old_one = disguised(first, 3)
    other, old_other = disguised(second, 4)
    after = netsculpt.matched_units(one, other, rng=0)
    assert after.mean_cost == pytest.approx(before.mean_cost)
    assert (old_other[after.partner] == before.partner[old_one]).all()
    totals = [edge_changes(*pair).total for pair in ((first, second, before), (one, other, after))]
    assert totals[0].n_kept == totals[1].n_kept
    assert totals[0].mean_change == pytest.approx(totals[1].mean_change, abs=1e-5)
    assert totals[0].sign_flips == totals[1].sign_flips


def test_layers_of_other_widths_leave_units_over() -> None:
    first = network(0, 4, 6, 3, density=0.9)
    keep = np.ones(first.n_units, dtype=bool)
    keep[[5, 8]] = False
    weights = first.weights[keep][:, keep]
    layers, start = [], 0
    for layer in first.layers:
        n = int(keep[layer.units].sum())
        layers.append(replace(layer, start=start, stop=start + n))
        start += n
    smaller = NetGraph(weights, None, tuple(layers), first.blocks)
    matching = netsculpt.matched_units(first, smaller, rng=0)
    assert np.flatnonzero(matching.partner < 0).tolist() == [5, 8]
    assert matching.summary()["n_only_first"] == 2
    back = netsculpt.matched_units(smaller, first, rng=0)
    assert back.summary()["n_only_second"] == 2
    changes = edge_changes(first, smaller, matching).total
    assert changes.n_kept == smaller.n_edges
    assert changes.n_lost == first.n_edges - smaller.n_edges
    assert changes.n_new == 0


def test_same_units_are_those_of_the_same_place() -> None:
    graph = network(3, 5, 8, 2, density=0.25)
    live = graph.live()
    assert live.n_units < graph.n_units
    partner = same_units(graph, live).partner
    assert (partner[netsculpt.paths.effective(graph).units] == np.arange(live.n_units)).all()
    assert edge_changes(live, graph, same_units(live, graph)).total.n_lost == 0


def test_correlations_find_shuffled_units_of_either_sign() -> None:
    generator = np.random.default_rng(0)
    layers = network(0, 3, 5, 4, 2).layers
    x = generator.normal(size=(40, 14))
    order = np.concatenate(
        [np.arange(3), 3 + generator.permutation(5), 8 + generator.permutation(4), [12, 13]]
    )
    y = (x * generator.choice([-2.0, 3.0], 14) + 1)[:, order]
    y[:, 4] = 7.0  # constant: like none
    matching = match_by_correlation(x, y, (layers, layers), rng=0)
    assert (order[matching.partner] == np.arange(14)).all()
    with pytest.raises(FormatError, match="the same samples"):
        match_by_correlation(x, y[1:], (layers, layers))
    with pytest.raises(FormatError, match="14"):
        match_by_correlation(x[:, 1:], y, (layers, layers))


def test_networks_of_other_architectures_are_refused() -> None:
    with pytest.raises(GraphError, match="one architecture"):
        netsculpt.matched_units(network(0, 4, 6, 3), network(0, 4, 6, 6, 3))
    with pytest.raises(GraphError, match="inputs"):
        netsculpt.matched_units(network(0, 4, 6, 3), network(0, 5, 6, 3))
    one = network(0, 4, 6, 3)
    with pytest.raises(GraphError, match="match these networks"):
        edge_changes(one, network(0, 4, 5, 3), same_units(one, one))


# --- edges ---


def test_edges_are_kept_new_and_lost_by_block_and_module() -> None:
    first, second = network(5, 6, 9, 9, 3), network(6, 6, 9, 9, 3)
    modules = Partition(np.arange(first.n_units) % 3)
    pairs = [
        set(zip(g.sources.tolist(), g.weights.indices.tolist(), strict=True))
        for g in (first, second)
    ]
    found = edge_changes(first, second, same_units(first, second), modules)
    kept, lost, new = pairs[0] & pairs[1], pairs[0] - pairs[1], pairs[1] - pairs[0]
    layer = first.layer_of.tolist()
    for row, inside in [
        (found.total, lambda _: True),
        *((x, lambda e, i=i: layer[e[0]] == i) for i, x in enumerate(found.blocks)),
        *((x, lambda e, m=m: e[0] % 3 == e[1] % 3 == m) for m, x in enumerate(found.modules[:3])),
        (found.modules[3], lambda e: e[0] % 3 != e[1] % 3),
    ]:
        counts = [sum(map(inside, x)) for x in (kept, new, lost)]
        assert [row.n_kept, row.n_new, row.n_lost] == counts
        assert row.jaccard == pytest.approx(counts[0] / sum(counts))
    assert found.modules[4].n_kept == found.modules[4].n_new == found.modules[4].n_lost == 0
    flips = [first.weights[e] * second.weights[e] < 0 for e in kept]
    assert found.total.sign_flips == pytest.approx(np.mean(flips))
    change = [abs(second.balanced.weights[e] - first.balanced.weights[e]) for e in kept]
    assert found.total.mean_change == pytest.approx(np.mean(change))
    assert len(found.table()) == 1 + 3 + 5
    json.dumps(found.summary(), allow_nan=False)


@pytest.mark.parametrize("seed", range(4))
def test_edges_are_those_of_pairs_of_matched_units(seed: int) -> None:
    """Asked of dictionaries, with units that have no partner on either side."""
    generator = np.random.default_rng(seed)
    first, second = network(seed, 5, 7, 4), network(seed + 10, 5, 6, 4)
    partner = np.full(first.n_units, -1)
    for layer, other in zip(first.layers, second.layers, strict=True):
        n = min(layer.n_units, other.n_units) - (layer.role == "hidden")
        chosen = generator.permutation(layer.n_units)[:n]
        partner[layer.start + chosen] = other.start + generator.permutation(other.n_units)[:n]
    nan = np.nan
    matching = UnitMatching("paths", partner, second.n_units, np.full(16, nan), nan, nan, nan)
    of_second = {
        pair: edge
        for edge, pair in enumerate(
            zip(second.sources.tolist(), second.weights.indices.tolist(), strict=True)
        )
    }
    wanted = {
        (edge, of_second[partner[a], partner[b]])
        for edge, (a, b) in enumerate(
            zip(first.sources.tolist(), first.weights.indices.tolist(), strict=True)
        )
        if (partner[a], partner[b]) in of_second
    }
    edges = matched_edges(first, second, matching)
    assert wanted
    assert {*zip(edges.in_first.tolist(), edges.in_second.tolist(), strict=True)} == wanted
    found = edge_changes(first, second, matching).total
    assert found.n_kept == len(wanted)
    assert found.n_lost == first.n_edges - len(wanted)
    assert found.n_new == second.n_edges - len(wanted)


def test_the_chance_is_that_of_random_edges() -> None:
    first = network(0, 12, 15, 10, density=0.3)
    overlaps, chances = [], []
    for seed in range(1, 200):
        second = network(seed, 12, 15, 10, density=0.4)
        total = edge_changes(first, second, same_units(first, second)).total
        overlaps.append(total.jaccard)
        chances.append(total.chance)
    error = np.std(overlaps) / np.sqrt(len(overlaps))
    assert abs(np.mean(overlaps) - np.mean(chances)) < 4 * error
    assert np.mean(overlaps) > 10 * error


# --- modules ---


def test_links_are_compared_by_modules_that_share_units() -> None:
    first = np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    second = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])  # 2 feeds 1 feeds 0
    from scipy.sparse import csr_array

    labels = [0, 0, 1, 1, 2, 2, -1]
    other = [2, 2, 1, 1, 0, 0, 0]
    found = module_links(csr_array(first), csr_array(second), labels, other)
    assert found.partner == (2, 1, 0)
    assert found.kept == ((0, 1), (1, 2))
    assert found.lost == ((0, 2),)
    assert found.new == ()
    back = module_links(csr_array(second), csr_array(first), other, labels)
    assert back.new == ((0, 2),)


def test_a_network_and_itself_in_disguise_are_the_same() -> None:
    graph, truth = netsculpt.planted([12, 12, 12], 3, 0.6, 0.05, rng=1)
    other, old = disguised(graph, 5)
    one, two = (netsculpt.analyze(x, PLAN, rng=0) for x in (graph, other))
    compared = netsculpt.compare_networks(one, two, rng=0)
    assert truth.n_modules == 3
    assert compared.edges.total.jaccard == compared.modules.ami == 1
    assert compared.edge_test is not None
    assert compared.module_test is not None
    assert compared.edge_test.p == compared.module_test.p == 0.05
    assert compared.links.new == compared.links.lost == ()
    assert abs(compared.units()["path_share_change"]).max() < 1e-6
    pairs = compared.module_matching.pairs
    for pair in pairs:  # labels of the second analysis, whatever its order
        label = compared.second_labels[pair.target]
        units = np.flatnonzero(two.detected[0].partition.labels == label)
        assert set(one.detected[0].partition.labels[old[units]]) == {pair.source}
    json.dumps(compared.summary(), allow_nan=False)


def test_units_that_gain_come_first() -> None:
    graph = from_matrices([np.ones((2, 2)), np.array([[1.0, 1.0]])])
    heavier = from_matrices([np.ones((2, 2)), np.array([[1.0, 3.0]])])
    one, two = (netsculpt.analyze(x, PLAN, rng=0) for x in (graph, heavier))
    matching = same_units(graph, heavier)
    units = netsculpt.compare_networks(one, two, matching=matching, rng=0).units()
    assert units.iloc[0]["name"] == "hidden1[1]"
    assert units.iloc[0]["path_share_change"] == pytest.approx(0.25)
    assert units.iloc[-1]["name"] == "hidden1[0]"
    assert units.iloc[-1]["path_share_change"] == pytest.approx(-0.25)


@pytest.mark.slow
def test_chance_includes_the_choice_of_partners() -> None:
    """Unrelated networks share more edges once matched to fit; randomised ones do so, too."""
    p = []
    for seed in range(10):
        first, second = (network(100 + 2 * seed + n, 8, 10, 10, 4, density=0.3) for n in range(2))
        one, two = (netsculpt.analyze(x, PLAN, rng=0) for x in (first, rewire(second, rng=seed)))
        compared = netsculpt.compare_networks(one, two, n_nulls=9, rng=seed)
        total = compared.edges.total
        assert total.jaccard > 1.2 * total.chance
        assert compared.edge_test is not None
        p.append(compared.edge_test.p)
    assert 0.25 < np.mean(p) < 0.85  # uniform on 0.1 … 1: 0.55 ± 0.08


def test_analyses_by_other_detectors_are_refused() -> None:
    graph = network(0, 6, 8, 3)
    other = netsculpt.AnalysisPlan(detectors=("spectral",), n_nulls=0, n_seeds=0)
    one, two = (netsculpt.analyze(graph, plan, rng=0) for plan in (PLAN, other))
    with pytest.raises(GraphError, match="one plan"):
        netsculpt.compare_networks(one, two)


def test_signatures_hold_what_paths_say() -> None:
    graph = network(0, 6, 8, 3)
    signatures = signatures_of(graph)
    assert isinstance(signatures, Signatures)
    assert (match_by_paths(signatures, signatures, rng=0).cost[6:14] == 0).all()


# --- the command ---


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    graph = netsculpt.planted([8, 10, 8], 2, 0.7, 0.05, rng=0)[0]
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    save(graph, paths[0])
    save(disguised(graph, 1)[0], paths[1])
    return paths


def test_the_command_writes_what_it_prints(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--nulls", 5, "--stability-seeds", 0, "--figures", "png", "-o", out)
    run = cli("compare", *pair, *options)
    assert run.returncode == 0, run.stderr
    assert "matched by paths" in run.stdout
    assert "AMI 1.000" in run.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert summary["edges"]["total"]["jaccard"] == 1
    assert summary["edges_against_chance"]["p"] == pytest.approx(1 / 6)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    tables = {"edges.csv", "units.csv", "modules.csv"}
    assert names == {*tables, "summary.json", "manifest.json", "figures/modules.png"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["inputs"] == [f"sha256:{sha256(x.read_bytes()).hexdigest()}" for x in pair]
    assert cli("compare", *pair, *options).returncode == 0  # replaces its own results


def test_units_at_the_same_place_by_choice(pair: tuple[Path, Path]) -> None:
    quick = ("--nulls", 0, "--stability-seeds", 0, "--json")
    same, paths = (
        json.loads(cli("compare", *pair, "--units", units, *quick).stdout)
        for units in ("same", "auto")
    )
    assert same["units"]["kind"] == "same units"
    assert paths["units"]["kind"] == "paths"  # a graph does not say what it began as
    assert same["edges"]["total"]["jaccard"] < paths["edges"]["total"]["jaccard"] == 1
    assert same["edges_against_chance"] is None


def test_checkpoints_of_one_run_are_compared_in_place(tmp_path: Path) -> None:
    """Plain state dicts, whose weights correlate at the same places far above chance."""
    rng = np.random.default_rng(0)
    kept = [rng.random(shape) < 0.5 for shape in ((14, 12), (10, 14))]
    state = [rng.normal(size=mask.shape) * mask for mask in kept]
    later = [w + 0.7 * rng.normal(size=w.shape) * mask for w, mask in zip(state, kept, strict=True)]
    other = [rng.normal(size=mask.shape) * mask for mask in kept]
    for name, weights in {"early": state, "late": later, "other": other}.items():
        np.savez(tmp_path / f"{name}.npz", **{f"fc{i}.weight": w for i, w in enumerate(weights)})
    quick = ("--nulls", 0, "--stability-seeds", 0, "--json")
    for name, kind in {"late": "same units", "other": "paths"}.items():
        run = cli("compare", tmp_path / "early.npz", tmp_path / f"{name}.npz", *quick)
        assert json.loads(run.stdout)["units"]["kind"] == kind
        assert "weights correlate at" in run.stderr
        assert "--units same" in run.stderr


def test_equal_files_are_said_to_be_equal(pair: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.npz"
    copy.write_bytes(pair[0].read_bytes())
    run = cli("compare", pair[0], copy, "--nulls", 0, "--stability-seeds", 0)
    assert run.returncode == 0, run.stderr
    assert "are the same, byte for byte" in run.stderr
    assert "No unit has gained or lost a share of the paths." in run.stdout
    run = cli("compare", pair[0], pair[0])
    assert run.returncode == 2
    assert "1 model found, given more than once" in " ".join(run.stderr.replace("│", " ").split())


def test_a_second_file_that_is_not_there_is_named_first(pair: tuple[Path, Path]) -> None:
    run = cli("compare", pair[0], pair[0].with_name("nope.npz"))
    assert run.returncode == 3
    assert len(run.stderr.splitlines()) == 1


def test_weights_of_the_same_places_are_correlated() -> None:
    graph = netsculpt.planted([8, 10, 8], 2, 0.7, 0.05, rng=0)[0]
    rng = np.random.default_rng(1)
    graph, other = (graph.with_weights(rng.normal(size=graph.n_edges)) for _ in range(2))
    layers = graph.layer_of[graph.sources]
    standard = []
    for values in (graph.weights.data, other.weights.data):
        z = np.empty(values.size)
        for layer in np.unique(layers):
            of = layers == layer
            z[of] = (values[of] - values[of].mean()) / values[of].std()
        standard.append(z)
    found = place_agreement(graph, other)
    assert found.n_edges == graph.n_edges
    assert found.correlation == pytest.approx((standard[0] * standard[1]).mean(), abs=1e-6)
    assert not found.is_far_above_chance
    assert place_agreement(graph, graph).correlation == pytest.approx(1)
    assert np.isnan(place_agreement(graph.pattern, graph).correlation)


def pruned(path: Path, *net: object, density: float, seed: int = 0) -> Path:
    """A net pruned by the command line."""
    options = ("--method", "magnitude", "--density", density, "--seed", seed, "-o", path)
    run = cli("prune", *net, *options)
    assert run.returncode == 0, run.stderr
    return path


def test_models_of_one_start_are_compared_in_place(tmp_path: Path) -> None:
    first = pruned(tmp_path / "a.pt", "--net", "mlp:6,8,3", density=0.5)
    other = pruned(tmp_path / "b.pt", "--net", "mlp:6,8,3", density=0.5, seed=1)
    sparser = pruned(tmp_path / "c.pt", first, density=0.4)
    quick = ("--nulls", 0, "--stability-seeds", 0, "--json")
    found = {
        path.stem: json.loads(cli("compare", first, path, *quick).stdout)
        for path in (other, sparser)
    }
    assert found["b"]["units"]["kind"] == "paths"
    assert found["c"]["units"]["kind"] == "same units"
    assert found["c"]["edges"]["total"]["n_new"] == 0


@pytest.mark.slow
def test_units_are_matched_by_what_they_do_on_data(tmp_path: Path) -> None:
    first = pruned(tmp_path / "a.pt", "--net", "mlp:64,12,10", density=0.3)
    quick = ("--nulls", 0, "--stability-seeds", 0, "--json")
    data = ("--units", "activations", "--task", "digits")
    run = cli("compare", first, first, *data, *quick)
    assert run.returncode == 2  # one file is one model
    copied = tmp_path / "b.pt"
    copied.write_bytes(first.read_bytes())
    run = cli("compare", first, copied, *data, *quick)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["units"]["kind"] == "correlation"
    assert found["edges"]["total"]["jaccard"] == 1


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ((), "--against"),
        (("b.npz", "--units", "activations"), "--task"),
        (("b.npz", "--task", "digits"), "--units"),
        (("b.npz", "--detector", "all"), "one detector"),
        (("b.npz", "--weights", "all"), "one form"),
        (("b.npz", "--permutations", "99"), "groups"),
        (("--against", "b.npz", "--units", "same"), "features"),
        (("--against", "a.npz"), "both groups"),
        (("--against", "b.npz"), "two or more"),
    ],
)
def test_mistakes_are_explained(
    pair: tuple[Path, Path], options: tuple[str, ...], remedy: str
) -> None:
    quick = ("--nulls", 0, "--stability-seeds", 0)
    run = cli("compare", pair[0].name, *options, *quick, cwd=pair[0].parent, columns=300)
    assert run.returncode in (2, 3)
    assert remedy in run.stderr


def test_of_two_files_of_one_name_the_damaged_one_is_named(tmp_path: Path) -> None:
    paths = [tmp_path / name / "graph.npz" for name in "ab"]
    for path in paths:
        path.parent.mkdir()
        save(netsculpt.planted([6, 8, 4], 2, 0.6, 0.1, rng=0)[0], path)
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    run = cli("compare", *paths, "--nulls", 0)
    assert run.returncode == 3
    assert str(paths[1]) in run.stderr
