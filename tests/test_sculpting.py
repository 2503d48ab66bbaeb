"""The published module detector: a literal second implementation, and small networks."""

from __future__ import annotations

import itertools
from math import sqrt

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics.pairwise import cosine_distances

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.modules.detectors._row_clusters import _cosine_distances, row_clusters
from netsculpt.modules.detectors.sculpting import _layer_clusters, sculpting

# ---- the detector, once more, as the words of the paper's code say it --------------------------


def oracle(masks, step_size, mm_threshold=0.2, merge_threshold=0.9):
    """Cluster and module of each unit of a chain; masks are [out, in]."""
    layers = [masks[0].shape[1], *(m.shape[0] for m in masks)]
    blocks = [m.T.astype(bool) for m in masks]
    alive = condensed(blocks, layers)
    blocks = [block[np.ix_(alive[at], alive[at + 1])] for at, block in enumerate(blocks)]
    clusters = []
    for at in range(len(layers)):
        if at == len(layers) - 1:
            clusters.append(np.arange(len(alive[at])))
        else:
            features = [blocks[at]]
            for block in blocks[at + 1 : at + step_size]:
                features.append((features[-1].astype(int) @ block.astype(int)) > 0)
            clusters.append(clustered(np.hstack(features), mm_threshold))
    modules = merged(blocks, clusters, merge_threshold)
    return spread(clusters, alive, layers), spread(modules, alive, layers)


def condensed(blocks, layers):
    """Units of each layer that carry signal, by dropping until nothing changes."""
    alive = [set(range(n)) for n in layers]
    while True:
        before = [set(units) for units in alive]
        for at in range(len(layers) - 1):
            for unit in list(alive[at]):
                feeds = any(blocks[at][unit, v] for v in alive[at + 1])
                fed = at == 0 or any(blocks[at - 1][v, unit] for v in alive[at - 1])
                if not (feeds and fed):
                    alive[at].discard(unit)
        if alive == before:
            return [sorted(units) for units in alive]


def clustered(rows, mm_threshold):
    n = len(rows)
    if n < 2:
        return np.zeros(n, dtype=int)
    labels = {
        k: AgglomerativeClustering(k, metric="cosine", linkage="average").fit(rows).labels_
        for k in range(1, n + 1)
    }
    distance = cosine_distances(rows)
    np.fill_diagonal(distance, 0)
    best, loss = 2, np.inf
    for k in range(2, n):
        found = modularity(distance, labels[k])
        if found <= loss:
            best, loss = k, found
    if best in (2, n - 1) or loss > -mm_threshold:
        best = settled(rows, labels) or best
    return labels[best]


def modularity(distance, labels):
    if distance.sum() < 1e-12:
        return 0.0
    share = distance / distance.sum()
    total = 0.0
    for c in set(labels):
        inside = labels == c
        total += share[np.ix_(inside, inside)].sum()
        total -= share[inside].sum() * share[:, inside].sum()
    return round(total, 8)


def settled(rows, labels):
    n = len(rows)
    separate, strength_separate = False, 0
    pairs = itertools.combinations(range(n), 2)
    together = next((i, j) for i, j in pairs if labels[n - 1][i] == labels[n - 1][j])
    k_ij, k_i, k_j, expected, sd = overlap(rows[together[0]], rows[together[1]])
    if (k_ij < max(k_i, k_j) and k_ij <= expected) or k_ij < 1:
        separate, strength_separate = True, (expected - k_ij) / (sd or 1)
    halves = [rows[labels[2] == c].any(axis=0) for c in (0, 1)]
    k_ij, k_i, k_j, expected, sd = overlap(*halves)
    if (k_ij >= 1 and k_ij >= expected) or k_ij >= max(k_i, k_j):
        if separate and strength_separate > (k_ij - expected) / (sd or 1):
            return n
        return 1
    return n if separate else None


def overlap(a, b):
    n_columns = len(a)
    k_ij, k_i, k_j = (a & b).sum(), a.sum(), b.sum()
    x = k_i * k_j / n_columns**2
    return k_ij, k_i, k_j, k_i * k_j / n_columns, sqrt(n_columns * x * (1 - x))


def merged(blocks, clusters, merge_threshold):
    fresh = itertools.count()
    modules = [{c: next(fresh) for c in sorted(set(clusters[0]))}]
    for at, block in enumerate(blocks):
        last = at == len(blocks) - 1
        module = {}
        for upper in sorted(set(clusters[at + 1])):
            into = block[:, clusters[at + 1] == upper]
            for lower in sorted(set(clusters[at])):
                sent = block[clusters[at] == lower]
                shared = into[clusters[at] == lower].sum()
                if not shared or shared / into.sum() <= merge_threshold:
                    continue
                if last or shared / sent.sum() > merge_threshold:
                    module[upper] = modules[at][lower]
                    break
            module.setdefault(upper, next(fresh))
        modules.append(module)
    pairs = zip(modules, clusters, strict=True)
    return [np.array([module[c] for c in found]) for module, found in pairs]


def spread(labels, alive, layers):
    """Per-layer labels of live units → one array over all units, −1 for the dead."""
    out = [np.full(n, -1) for n in layers]
    for array, units, found in zip(out, alive, labels, strict=True):
        array[units] = found
    return out


def same(a, b):
    return np.array_equal(Partition(a).labels, Partition(b).labels)


# ---- against the oracle ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_detector_agrees_with_oracle_on_random_chains(seed):
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 9, size=rng.integers(2, 6))
    density = rng.choice([0.25, 0.4, 0.6])
    masks = [rng.random((m, n)) < density for n, m in itertools.pairwise(widths)]
    graph = from_matrices(masks, masks)
    step_size = int(rng.integers(1, len(masks) + 1))
    merge = float(rng.choice([0.6, 0.9]))
    clusters, modules = oracle(masks, step_size, merge_threshold=merge)
    found = _layer_clusters(graph, step_size, 0.2)
    for layer, expected in zip(graph.layers, clusters, strict=True):
        assert same(found[layer.units], expected), layer.name
    partition = sculpting(graph, step_size=step_size, merge_threshold=merge)
    assert same(partition.labels, np.concatenate(modules))


@pytest.mark.parametrize("seed", range(30))
def test_row_clusters_agree_with_scikit_learn_cut_by_cut(seed):
    rng = np.random.default_rng(seed)
    n, n_columns = rng.integers(2, 15), rng.integers(3, 20)
    rows = rng.random((n, n_columns)) < rng.choice([0.2, 0.5])
    rows[~rows.any(axis=1), 0] = True
    mm_threshold = float(rng.choice([0.05, 0.2, 0.6]))
    assert same(row_clusters(rows, mm_threshold), clustered(rows, mm_threshold))


def test_distances_round_as_scipy_does():
    rng = np.random.default_rng(1)
    for _ in range(50):
        rows = rng.random(rng.integers(2, 60, size=2)) < rng.uniform(0.1, 0.9)
        rows[:, 0] = True
        expected = pdist(rows.astype(float), "cosine")
        assert np.array_equal(squareform(_cosine_distances(rows), checks=False), expected)


# ---- networks to read --------------------------------------------------------------------------


def blocks_of_ones(*sizes):
    """A mask [out, in] with full blocks of (n_out, n_in) on the diagonal."""
    n_out, n_in = np.sum(sizes, axis=0)
    mask, row, column = np.zeros((n_out, n_in)), 0, 0
    for height, width in sizes:
        mask[row : row + height, column : column + width] = 1
        row, column = row + height, column + width
    return mask


def test_two_disjoint_functions_are_two_modules():
    graph = from_matrices([blocks_of_ones((3, 2), (2, 4)), blocks_of_ones((1, 3), (2, 2))])
    partition = sculpting(graph)
    assert partition.method == "sculpting"
    assert partition.labels.tolist() == [0, 0, 1, 1, 1, 1, *[0, 0, 0, 1, 1], 0, 1, 1]


def test_reused_function_is_a_module_of_its_own_without_outputs():
    # four inputs feed one shared unit, which feeds two functions of two units and two outputs
    first = np.ones((1, 4))
    second = np.ones((4, 1))
    third = blocks_of_ones((2, 2), (2, 2))
    labels = sculpting(from_matrices([first, second, third])).labels
    assert labels.tolist() == [0, 0, 0, 0, 0, 1, 1, 2, 2, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([[1, 0], [0, 1]], [0, 1]),  # disjoint rows: apart
        ([[1, 1], [1, 1]], [0, 0]),  # equal rows: together
        ([[1, 1], [0, 1]], [0, 0]),  # rows 10 and 11 share 1 = 1·2/2 as by chance, yet not apart:
    ],  # both tests hold with strength 0, and then it is one cluster
)
def test_two_unit_layers_are_left_to_the_separability_tests(second, expected):
    graph = from_matrices([np.ones((2, 1)), second])
    clusters = _layer_clusters(graph, 1, 0.2)
    assert Partition(clusters[graph.layers[1].units]).labels.tolist() == expected


def test_single_unit_and_all_equal_layers_are_one_cluster():
    graph = from_matrices([np.ones((1, 5)), np.ones((1, 1))])
    assert sculpting(graph).labels.tolist() == [0] * 7


def test_dead_units_have_no_module_and_do_not_change_the_rest():
    first, second = blocks_of_ones((2, 2), (2, 2)), blocks_of_ones((1, 2), (1, 2))
    clean = sculpting(from_matrices([first, second])).labels
    wide = np.zeros((6, 5))  # input 4, hidden 4 and 5 join the network
    wide[:4, :4] = first
    wide[4, 4] = 1  # a path that ends in hidden 4
    last = np.zeros((2, 6))
    last[:, :4] = second
    last[1, 5] = 1  # a path that begins in hidden 5
    labels = sculpting(from_matrices([wide, last])).labels
    assert labels[[4, 9, 10]].tolist() == [-1, -1, -1]
    assert np.delete(labels, [4, 9, 10]).tolist() == clean.tolist()


def test_disconnected_outputs_are_modules_of_their_own():
    graph = from_matrices([np.ones((2, 3)), [[1, 1], [0, 0], [1, 1], [0, 0]]])
    assert sculpting(graph).labels.tolist() == [0] * 5 + [0, 1, 0, 2]


def test_network_without_edges_keeps_only_its_outputs():
    graph = from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    assert sculpting(graph).labels.tolist() == [-1] * 5 + [0, 1]


def test_network_without_units_is_no_trouble():
    graph = from_matrices([np.zeros((0, 0)), np.zeros((0, 0))])
    assert sculpting(graph).labels.size == 0


def test_only_the_pattern_matters_and_stored_zeros_are_edges():
    rng = np.random.default_rng(3)
    masks = [rng.random((7, 6)) < 0.4, rng.random((4, 7)) < 0.4]
    ones = sculpting(from_matrices(masks, masks)).labels
    weights = [rng.normal(size=m.shape).round() for m in masks]  # many are 0
    assert any((w[m] == 0).any() for w, m in zip(weights, masks, strict=True))
    assert np.array_equal(sculpting(from_matrices(weights, masks)).labels, ones)


def test_step_size_limits_what_a_unit_sees():
    # input i feeds only hidden i: apart one step away, alike when all that follows counts
    graph = from_matrices([np.eye(3), np.ones((4, 3)), np.ones((1, 4))])
    assert len(set(_layer_clusters(graph, 1, 0.2)[:3])) == 3
    assert len(set(_layer_clusters(graph, 3, 0.2)[:3])) == 2
    assert np.array_equal(sculpting(graph).labels, sculpting(graph, step_size=3).labels)
    assert not np.array_equal(sculpting(graph).labels, sculpting(graph, step_size=1).labels)


def test_merge_threshold_is_a_strict_lower_bound():
    # hidden1 sends half of its edges to each of two clusters of hidden2
    graph = from_matrices([np.ones((2, 2)), np.ones((2, 2)), np.eye(2)])
    assert sculpting(graph, merge_threshold=0.49).labels.tolist() == [0] * 8
    assert sculpting(graph, merge_threshold=0.5).labels.tolist() == [0, 0, 0, 0, 1, 2, 1, 2]


def test_thousand_paths_do_not_overflow():
    layers = 140  # 2^140 paths: beyond float32
    graph = from_matrices([np.ones((2, 2))] * layers)
    assert set(sculpting(graph).labels.tolist()) == {0}


def skipping(edges, sizes, blocks):
    starts = np.concatenate([[0], np.cumsum(sizes)])
    roles = ["input", *["hidden"] * (len(sizes) - 2), "output"]
    layers = tuple(
        Layer(f"l{i}", role, (n,), int(starts[i]), int(starts[i] + n))
        for i, (role, n) in enumerate(zip(roles, sizes, strict=True))
    )
    matrix = np.zeros((starts[-1], starts[-1]))
    for source, target in edges:
        matrix[source, target] = 1
    pairs = tuple(Block(f"l{a}", f"l{b}", None, "linear", sizes[a] * sizes[b]) for a, b in blocks)
    return NetGraph(csr_array(matrix), None, layers, pairs)


def test_skip_connections_are_part_of_features_and_of_shares():
    # two functions, each 2 inputs → 1 hidden → 1 output, and straight from inputs to output
    straight = [(0, 4), (1, 4), (2, 5), (3, 5), (4, 6), (5, 7)]
    skips = [(0, 6), (1, 6), (2, 7), (3, 7)]
    graph = skipping(straight + skips, [4, 2, 2], [(0, 1), (1, 2), (0, 2)])
    # hidden 4 receives all its edges from inputs 0, 1 but these send half of theirs elsewhere;
    # output 6 receives 2 of 3 edges from the inputs and 1 of 3 from hidden 4
    assert sculpting(graph).labels.tolist() == [0, 0, 1, 1, 2, 3, 4, 5]
    assert sculpting(graph, merge_threshold=0.45).labels.tolist() == [0, 0, 1, 1, 0, 1, 0, 1]


def test_input_that_only_skips_is_live():
    graph = skipping([(0, 2), (2, 3), (1, 3)], [2, 1, 1], [(0, 1), (1, 2), (0, 2)])
    assert (sculpting(graph).labels >= 0).all()


def test_relabelling_units_inside_layers_permutes_the_modules():
    rng = np.random.default_rng(0)
    masks = [
        blocks_of_ones((4, 3), (3, 5)),
        blocks_of_ones((3, 4), (5, 3)),
        blocks_of_ones((2, 3), (1, 5)),
    ]
    graph = from_matrices(masks)
    orders = [rng.permutation(layer.n_units) for layer in graph.layers]
    mixed = [mask[np.ix_(orders[i + 1], orders[i])] for i, mask in enumerate(masks)]
    order = np.concatenate([o + layer.start for o, layer in zip(orders, graph.layers, strict=True)])
    labels = sculpting(graph).labels
    assert same(sculpting(from_matrices(mixed)).labels, labels[order])
    assert Partition(labels).n_modules == 2


def test_step_size_below_one_is_refused():
    with pytest.raises(GraphError, match="step_size is 0"):
        sculpting(from_matrices([np.ones((1, 1))]), step_size=0)
