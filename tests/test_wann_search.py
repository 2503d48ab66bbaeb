"""The search for weight agnostic networks: genomes, mutations, ranks, generations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
import pytest

from netsculpt.core.errors import FormatError, NetsculptError, NumberError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search import mutations
from netsculpt.training.search.genome import expressed, expressed_as_published, first_genome
from netsculpt.training.search.plan import Mutations, SearchPlan
from netsculpt.training.search.ranking import crowding, crowding_as_published, fronts, ranks
from netsculpt.training.search.searching import Searching
from netsculpt.training.search.selection import Selection
from netsculpt.training.search.tasks import SwingUp, boolean_search, classification_search
from netsculpt.training.search.wann import wann
from netsculpt.training.tasks import boolean, digits

ACTIVATIONS = np.arange(10, dtype=np.int8)
FREQUENCIES = {
    "add_connection": 0.20,
    "add_unit": 0.25,
    "enable_connection": 0.05,
    "change_activation": 0.50,
}


@dataclass(frozen=True)
class Paths:
    """A task without evaluation: the reward is |w| per hidden unit, less a draw for all."""

    name: str = "paths"
    n_inputs: int = 3
    n_outputs: int = 2
    activations: tuple[str, ...] = WANN_ACTIVATIONS[:10]
    output_activation: str = "tanh"
    fixed: bool = False

    @property
    def about(self):
        return {"name": self.name}

    def rewards(self, topologies, weights, *, repetitions, rng, threads=1):
        hidden = np.array([t.n_units - t.n_inputs - t.n_outputs for t in topologies])
        drawn = 0.0 if self.fixed else rng.normal(size=repetitions).mean()
        return hidden[:, None] * np.abs(weights) - drawn


def grown(n_mutations, seed=0, kinds=FREQUENCIES):
    rng = np.random.default_rng(seed)
    genome = first_genome(4, 2, enabled=0.5, activation=0, rng=rng)
    numbers = mutations.Numbers(unit=6, innovation=8)
    shares = list(kinds.values())
    for kind in rng.choice(list(kinds), size=n_mutations, p=np.array(shares) / sum(shares)):
        genome = getattr(mutations, kind)(genome, numbers, ACTIVATIONS, rng)
    return genome, numbers


def gene_graph(genome, kept=slice(None)):
    graph = nx.DiGraph()
    graph.add_nodes_from([*range(genome.n_fixed), *genome.hidden.tolist()])
    graph.add_edges_from(
        zip(genome.sources[kept].tolist(), genome.targets[kept].tolist(), strict=True)
    )
    return graph


def dominates(a, b):
    return bool((a >= b).all() and (a > b).any())


def fronts_by_definition(values):
    left, front, number = set(range(len(values))), np.empty(len(values), int), 0
    while left:
        best = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        front[list(best)] = number
        left, number = left - best, number + 1
    return front


@pytest.mark.parametrize("seed", range(8))
def test_fronts_are_what_dominance_says(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, (20, 2)).astype(float)  # many equal ones
    values[10:] += rng.random((10, 2)) * (seed % 2)
    assert fronts(values).tolist() == fronts_by_definition(values).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_the_least_crowded_of_a_front_come_first(seed):
    rng = np.random.default_rng(seed)
    values = rng.random((30, 2))
    front = fronts_by_definition(values)
    distance = np.zeros(30)
    for column in range(2):
        for i in range(30):
            mates = values[front == front[i], column]
            above, below = mates[mates > values[i, column]], mates[mates < values[i, column]]
            at_end = not above.size or not below.size
            gap = np.inf if at_end else (above.min() - below.max()) / np.ptp(mates)
            distance[i] += gap
    expected = sorted(range(30), key=lambda i: (front[i], -distance[i], i))
    assert np.argsort(ranks(values, crowding)).tolist() == expected


def test_crowding_is_a_share_of_the_range_and_as_published_is_not():
    values = np.array([1.0, 2, 4, 10])
    assert crowding(values)[1:3].tolist() == pytest.approx([3 / 9, 8 / 9])
    assert crowding_as_published(values)[1:3].tolist() == pytest.approx([3 * 0.9, 8 * 0.9])
    sizes = np.array([0.01, 0.02, 0.05])
    assert crowding(sizes)[1] == pytest.approx(0.04 * 25)
    assert crowding_as_published(sizes)[1] == pytest.approx(0.04 * 19.99)
    assert crowding(np.ones(3)).tolist() == [np.inf, 0, np.inf]
    with np.errstate(all="raise"):
        assert np.isinf(crowding_as_published(np.array([-2.0, -1, 0]))[0])


@pytest.mark.parametrize("seed", range(5))
def test_a_genome_is_acyclic_whatever_is_enabled(seed):
    genome, _ = grown(150, seed)
    graph = gene_graph(genome)
    assert nx.is_directed_acyclic_graph(graph)
    pairs = set(zip(genome.sources.tolist(), genome.targets.tolist(), strict=True))
    assert len(pairs) == genome.sources.size  # no connection twice
    assert len(set(genome.innovations.tolist())) == genome.innovations.size
    longest = {}
    for unit in nx.topological_sort(graph):
        longest[unit] = max((longest[x] + 1 for x in graph.predecessors(unit)), default=0)
    expected = [longest[unit] for unit in genome.hidden.tolist()]
    depths = genome.depths()
    assert depths[genome.n_fixed :].tolist() == expected
    assert set(depths[4:6]) == {max(expected) + 1}


@pytest.mark.parametrize("seed", range(5))
def test_the_expressed_network_has_the_enabled_genes(seed):
    genome, _ = grown(120, seed)
    topology = expressed(genome)
    targets = np.repeat(np.arange(topology.n_units), np.diff(topology.indptr))
    assert (topology.sources < targets).all()  # topological order
    assert (np.diff(topology.indptr)[:4] == 0).all()  # nothing leads to an input
    found = nx.DiGraph(list(zip(topology.sources.tolist(), targets.tolist(), strict=True)))
    found.add_nodes_from(range(topology.n_units))
    kept = gene_graph(genome, genome.enabled)
    activation = dict(zip([*range(6), *genome.hidden.tolist()], genome.activations, strict=True))
    fixed = {0: "0", 1: "1", 2: "2", 3: "3", 4: "out 0", 5: "out 1"}
    nx.set_node_attributes(
        kept, {unit: fixed.get(unit, f"hidden {activation[unit]}") for unit in kept}, "what"
    )
    last = topology.n_units - 2
    names = {0: "0", 1: "1", 2: "2", 3: "3", last: "out 0", last + 1: "out 1"}
    nx.set_node_attributes(
        found,
        {unit: names.get(unit, f"hidden {topology.activations[unit]}") for unit in found},
        "what",
    )
    same = nx.algorithms.isomorphism.categorical_node_match("what", None)
    assert nx.is_isomorphic(kept, found, node_match=same)


def test_the_published_code_expresses_disabled_genes_between_hidden_units():
    genome, _ = grown(200, seed=1)
    between_hidden = (genome.sources >= 6) & (genome.targets >= 6)
    n_disabled = int((between_hidden & ~genome.enabled).sum())
    assert n_disabled > 0
    assert expressed_as_published(genome).n_edges == expressed(genome).n_edges + n_disabled


def what_changed(before, after):
    if after is before:
        return "nothing"
    if after.hidden.size > before.hidden.size:
        assert after.sources.size == before.sources.size + 2
        assert after.enabled.sum() == before.enabled.sum() + 1
        return "add_unit"
    if after.sources.size > before.sources.size:
        return "add_connection"
    if (after.enabled != before.enabled).any():
        assert (after.enabled & ~before.enabled).sum() == 1
        return "enable_connection"
    assert (after.activations != before.activations).sum() == 1
    return "change_activation"


def test_children_differ_by_one_mutation_as_often_as_published():
    genome, _ = grown(60)
    search = Searching(Paths(), SearchPlan(), rng=0)
    rng, n = np.random.default_rng(0), 10_000
    seen = Counter(
        what_changed(genome, search._mutation(rng)(genome, search._numbers, ACTIVATIONS, rng))
        for _ in range(n)
    )
    chi_squared = sum((seen[x] - n * share) ** 2 / (n * share) for x, share in FREQUENCIES.items())
    assert seen["nothing"] == 0  # all are possible here
    assert chi_squared < 16.3  # p = .001 with three degrees of freedom


def test_an_impossible_mutation_leaves_the_genome():
    rng = np.random.default_rng(0)
    genome = first_genome(2, 1, enabled=0.0, activation=0, rng=rng)
    numbers = mutations.Numbers(unit=3, innovation=2)
    for kind in ("add_connection", "add_unit", "change_activation"):
        assert getattr(mutations, kind)(genome, numbers, ACTIVATIONS, rng) is genome
    enabled = replace(genome, enabled=np.ones(2, bool))
    assert mutations.enable_connection(enabled, numbers, ACTIVATIONS, rng) is enabled
    assert (numbers.unit, numbers.innovation) == (3, 2)


def test_a_new_unit_stands_in_the_connection_that_it_replaces():
    rng = np.random.default_rng(0)
    genome = first_genome(2, 1, enabled=1.0, activation=0, rng=rng)
    numbers = mutations.Numbers(unit=7, innovation=20)
    child = mutations.add_unit(genome, numbers, ACTIVATIONS, rng)
    (split,) = np.flatnonzero(~child.enabled)
    assert child.sources[2:].tolist() == [genome.sources[split], 7]
    assert child.targets[2:].tolist() == [7, genome.targets[split]]
    assert child.innovations[2:].tolist() == [20, 21]
    assert (numbers.unit, numbers.innovation) == (8, 22)


@pytest.mark.parametrize(
    ("n", "elite", "sizes"),
    [
        (64, 0.05, (52, 2, 62)),
        (128, 0.2, (103, 20, 108)),
        (192, 0.2, (154, 30, 162)),
        (480, 0.2, (384, 76, 404)),
        (960, 0.2, (768, 153, 807)),
    ],
)
def test_survivors_elites_and_children_as_published(n, elite, sizes):
    assert Selection(elite=elite).sizes(n) == sizes


def test_parents_are_the_best_of_their_tournaments():
    parents = Selection(tournament=2).parents(1000, np.random.default_rng(0))
    assert parents.size == 840
    assert parents.max() < 800  # the culled have no children
    assert abs(parents.mean() / 800 - 1 / 5) < 0.02  # the least of four uniform draws


def a_search(n, fixed=False, **more):
    plan = SearchPlan(population=20, generations=n, **more)
    return Searching(Paths(fixed=fixed), plan, rng=3)


def run(search):
    while not search.finished:
        search.advance()
    return search


def same_results(one, other):
    assert one.history.tobytes() == other.history.tobytes()
    assert one.rewards.tobytes() == other.rewards.tobytes()
    assert len(one.champions) == len(other.champions)
    for a, b in zip(one.population, other.population, strict=True):
        assert a.sources.tobytes() == b.sources.tobytes()
        assert a.activations.tobytes() == b.activations.tobytes()


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("published", [False, True])
def test_an_interrupted_search_ends_with_the_same_bytes(tmp_path, fixed, published):
    whole = run(a_search(12, fixed, published=published)).result()
    wann(
        Paths(fixed=fixed),
        SearchPlan(population=20, generations=5, published=published),
        rng=3,
        checkpoint=tmp_path / "state.pt",
    )
    resumed = wann(
        Paths(fixed=fixed),
        SearchPlan(population=20, generations=12, published=published),
        rng=3,
        checkpoint=tmp_path / "state.pt",
    )
    same_results(whole, resumed)


def test_elites_pass_unchanged_and_keep_their_rewards_where_nothing_is_drawn():
    search = a_search(3, fixed=True)
    search.advance()
    search.advance()
    before = {
        id(genome): reward for genome, reward in zip(search._genomes, search._rewards, strict=True)
    }
    search.advance()
    elites = [i for i, genome in enumerate(search._genomes) if id(genome) in before]
    assert len(elites) >= 3
    for i in elites:
        assert (search._rewards[i] == before[id(search._genomes[i])]).all()


def test_the_search_climbs_and_says_so():
    result = wann(Paths(fixed=True), SearchPlan(population=60, generations=25), rng=0)
    table = result.table()
    assert list(table.columns)[-1] == "champion"
    assert (np.diff(table["champion"]) >= 0).all()
    assert result.champion.mean == table["champion"].iloc[-1] == table["mean_best"].max()
    assert table["champion"].iloc[-1] > table["champion"].iloc[0]
    assert result.summary()["champion"]["mean"] == result.champion.mean


def test_a_search_of_another_seed_or_plan_is_not_resumed(tmp_path):
    plan = SearchPlan(population=8, generations=2)
    wann(Paths(), plan, rng=0, checkpoint=tmp_path / "s.pt")
    for other, seed in ((plan, 1), (replace(plan, by_size=0.5), 0)):
        with pytest.raises(FormatError, match="is of a run with"):
            wann(Paths(), other, rng=seed, checkpoint=tmp_path / "s.pt")


def test_a_reward_that_is_not_finite_is_an_error():
    @dataclass(frozen=True)
    class Broken(Paths):
        def rewards(self, topologies, weights, **_):
            return np.full((len(topologies), len(weights)), np.nan)

    with pytest.raises(NumberError, match="not finite"):
        wann(Broken(), SearchPlan(population=4, generations=1), rng=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"population": 0},
        {"generations": 1.5},
        {"initially_enabled": float("nan")},
        {"weights": ()},
        {"weights": (1.0, 0.0)},
        {"weights": (1.0, 1.0)},
        {"weights": (1e30,)},
        {"weights": (float("inf"),)},
        {"selection": Selection(culled=1.0)},
        {"selection": Selection(tournament=0)},
    ],
)
def test_a_plan_says_what_is_wrong_with_it(wrong):
    with pytest.raises(NetsculptError, match=r"needed|cull fewer"):
        SearchPlan(**wrong)


def test_mutations_need_a_frequency():
    with pytest.raises(NetsculptError, match="needs one"):
        Mutations(0, 0, 0, 0)


@pytest.mark.slow
def test_a_planted_optimum_is_found():
    """Exclusive or, right with every one of the six weights.

    Ranked by size most of the time the search stays at networks without hidden units: on the way
    to the solution larger networks are no better.
    """
    task = boolean_search(boolean("f = a ^ b"))
    found = wann(task, SearchPlan(population=192, generations=30, by_size=0.2), rng=1)
    topology = found.champion.topology
    tested = task.tested(topology, np.array(found.plan.weights))
    assert tested.accuracies.tolist() == [1.0] * 6
    assert found.champion.mean == pytest.approx(tested.rewards.mean())
    controls = boolean_search(boolean("f = a & b"))
    assert controls.tested(topology, np.array(found.plan.weights)).accuracies.max() < 1


@pytest.mark.parametrize("task", [SwingUp(n_steps=30), classification_search(digits(), batch=50)])
def test_the_same_bytes_on_one_thread_and_on_four(task):
    plan = SearchPlan(population=12, generations=4, repetitions=2, final_repetitions=3)
    same_results(wann(task, plan, rng=5), wann(task, plan, rng=5, threads=4))


def test_a_champion_does_not_give_way_to_itself():
    """All champions are tested from the same starts: kinder ones help nobody."""
    found = wann(
        SwingUp(n_steps=60),
        SearchPlan(population=24, generations=8, repetitions=1, final_repetitions=2),
        rng=0,
    )
    assert (np.diff([champion.mean for champion in found.champions]) > 0).all()
    wirings = [
        (
            c.topology.indptr.tobytes(),
            c.topology.sources.tobytes(),
            c.topology.activations.tobytes(),
        )
        for c in found.champions
    ]
    assert len(set(wirings)) == len(wirings)
    weights, topology = np.array(found.plan.weights), found.champion.topology
    tests = [SwingUp(n_steps=60).tested(topology, weights).summary() for _ in range(2)]
    assert tests[0] == tests[1]  # the same starts
