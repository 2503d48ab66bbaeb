"""Compiled transformers: what they compute, step by step, and the graph of their program."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.compiled import (
    BEGIN,
    POSITIONS,
    PROGRAMS,
    TOKENS,
    Aggregate,
    CompiledTransformer,
    Map,
    Mean,
    Program,
    Select,
    SelectorWidth,
    SequenceMap,
    brackets,
    compile_program,
    histogram,
    interpreted,
    reverse,
    sort,
    true_modules,
)
from netsculpt.nets.compiled.transformer import Attention
from netsculpt.tracing import fidelity, trace

LENGTH = 4
VOCABULARY = {name: "()x" if name == "brackets" else "bca" for name in PROGRAMS}


def balanced(sequence):
    depth = 0
    for token in sequence:
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            return False
    return depth == 0


def winner(sequence):
    counts = Counter(sequence)
    return next(x for x in "bca" if counts[x] == max(counts.values()))


MEANT = {  # each program, without any of its steps
    "reverse": lambda s: [*s[::-1]],
    "histogram": lambda s: [s.count(x) for x in s],
    "most_frequent": lambda s: [winner(s)] * len(s),
    "sort": lambda s: sorted(s, key="bca".index),
    "brackets": lambda s: [balanced(s)] * len(s),
}


def sequences(vocabulary, length):
    """All sequences of one length."""
    return list(itertools.product(vocabulary, repeat=length))


def residual_of(program, net, sequence):
    """The residual stream that the interpreter's values make [positions, width]."""
    wanted = np.zeros((len(sequence), len(net.layout.owners)))
    for name, values in interpreted(program, sequence).items():
        for row, value in zip(wanted, values, strict=True):
            if name in net.layout.one_hot and value is not None:
                place = program.values[name].index(value)
                row[net.layout.one_hot[name].start + place] = 1
            if name in net.layout.number:
                is_width = name in net.layout.one_hot
                row[net.layout.number[name]] = 1 / (1 + value) if is_width else value
    return wanted


def assert_equal_everywhere(program, net, given):
    """Every variable at every position is what the interpreter says; so is the output."""
    encoded = net.encoded(given)
    stream = net.residual(*encoded)[:, 1:].numpy()
    outputs = net.decoded(net(*encoded))
    for sequence, found, output in zip(given, stream, outputs, strict=True):
        np.testing.assert_allclose(found, residual_of(program, net, sequence), atol=1e-5)
        assert output == interpreted(program, sequence)[program.output.name], sequence


@pytest.fixture(scope="module", params=PROGRAMS)
def compiled(request):
    name = request.param
    program = PROGRAMS[name](VOCABULARY[name], LENGTH)
    net = compile_program(program)
    example = net.encoded([VOCABULARY[name][:1] * LENGTH])
    return name, program, net, example, trace(net, example)


def test_programs_and_nets_compute_what_is_meant_on_all_inputs(compiled):
    name, program, net, *_ = compiled
    for length in range(1, LENGTH + 1):
        given = sequences(VOCABULARY[name], length)
        wanted = [MEANT[name](x) for x in given]
        assert [interpreted(program, x)[program.output.name] for x in given] == wanted
        assert net.decoded(net(*net.encoded(given))) == wanted


def test_every_variable_is_in_the_residual_stream(compiled):
    name, program, net, *_ = compiled
    for length in (1, LENGTH):
        assert_equal_everywhere(program, net, sequences(VOCABULARY[name], length))


def test_a_step_that_is_cut_out_changes_what_is_made_of_it_and_nothing_else(compiled):
    name, program, net, *_ = compiled
    encoded = net.encoded(sequences(VOCABULARY[name], LENGTH))
    before = net.residual(*encoded)[:, 1:]
    names = [x.name for x in program.variables]
    below = closure(program.feeds, names)
    owners = np.array(net.layout.owners)
    for step in names[3:]:
        cut = compile_program(program)
        for layer in cut.layers:
            parts = (
                [head.output.weight for head in layer.heads]
                if isinstance(layer, Attention)
                else list(layer.down.weight.T)
            )
            for part, owner in zip(parts, layer.steps, strict=True):
                part.mul_(owner != step)
        changed = (cut.residual(*encoded)[:, 1:] - before).abs().amax(dim=(0, 1)).numpy() > 1e-3
        moved = set(owners[changed])
        assert step in moved
        assert moved <= {x for x in names if (step, x) in below} | {step}


def closure(edges, names):
    """All pairs of which the second can be reached from the first."""
    pairs = set(edges)
    for middle in names:
        into, out = {a for a, b in pairs if b == middle}, {b for a, b in pairs if a == middle}
        pairs |= set(itertools.product(into, out))
    return pairs


def between(graph, true):
    """Pairs of different modules with an edge from one to the other."""
    labels = true.partition.labels
    ends = labels[graph.sources], labels[graph.weights.indices]
    return {(a, b) for a, b in zip(*map(np.ndarray.tolist, ends), strict=True) if a != b and a >= 0}


def test_the_traced_graph_has_the_edges_of_the_program_and_no_others(compiled):
    _, program, net, example, graph = compiled
    true = true_modules(net, graph)
    assert between(graph, true) == true.feeds
    begins = {(a, b) for a, b in true.feeds if true.variables[a] == BEGIN.name}
    named = {(true.variables[a], true.variables[b]) for a, b in true.feeds - begins}
    assert named == program.feeds
    weights = [x for x in net.parameters() if x.ndim > 1]
    assert graph.n_parameters == sum(int(x.count_nonzero()) for x in weights)
    result = fidelity(net, graph, example, rng=0)
    assert result.output_difference < 1e-5
    assert max(x.error or 0 for x in result.layers) < 1e-5
    assert {x.layer.split(".")[-1] for x in result.layers if x.error is None} == {
        "pattern",
        "heads",
    }


def test_paths_lead_from_module_to_module_as_the_program_says(compiled):
    _, program, net, _, graph = compiled
    true = true_modules(net, graph)
    labels, n_modules = true.partition.labels, true.partition.n_modules
    weights = graph.pattern.weights
    reached = np.zeros((n_modules, graph.n_units), dtype=bool)
    for module in range(n_modules):
        reached[module] = labels == module
    for unit in range(graph.n_units):  # units are in topological order
        ends = weights.indices[weights.indptr[unit] : weights.indptr[unit + 1]]
        reached[:, ends] |= reached[:, [unit]]
    found = {
        (true.variables[a], true.variables[b])
        for a in range(n_modules)
        for b in range(n_modules)
        if a != b and reached[a, labels == b].any()
    }
    wanted = closure(
        {(true.variables[a], true.variables[b]) for a, b in true.feeds}, true.variables
    )
    assert found == wanted
    assert closure(program.feeds, [x.name for x in program.variables]) <= wanted


def test_true_modules_of_live_graphs_and_of_single_positions():
    net = compile_program(reverse("ab", 3))
    example = net.encoded(["aba"])
    graph = trace(net, example)
    live = graph.live()
    whole, part = true_modules(net, graph), true_modules(net, live)
    named = lambda true: np.array([*true.variables, ""])[true.partition.labels]  # noqa: E731
    kept = np.isin(graph.layer_of * 1000 + graph.positions, live.layer_of * 1000 + live.positions)
    assert np.array_equal(named(whole)[kept], named(part))
    assert whole.variables == part.variables
    spatial = trace(net, example, granularity="spatial")
    true = true_modules(net, spatial)
    both = [
        {(x.variables[a], x.variables[b]) for a, b in pairs}
        for x, pairs in ((true, between(spatial, true)), (whole, whole.feeds))
    ]
    assert both[0] == both[1]
    other = from_matrices([np.ones((2, 3))])
    with pytest.raises(GraphError, match="give the graph of this net"):
        true_modules(net, other)


def random_program(seed):
    """A program of eight steps that read random earlier ones, by random tables."""
    rng = np.random.default_rng(seed)
    table = {}

    def drawn(step, n):
        """A function whose value is drawn when it is first asked for: one of n, or None."""

        def function(*values):
            if (step, values) not in table:
                value = int(rng.integers(n))
                table[step, values] = None if rng.random() < 0.1 else value
            return table[step, values]

        return function

    def chosen(step):
        return lambda key, query: drawn(step, 2)(key, query) == 1

    known = [TOKENS, POSITIONS]
    for step in range(8):
        one, two, three = (known[rng.integers(len(known))] for _ in range(3))
        select = Select(one, two, chosen(f"select{step}"))
        match step % 5:
            case 0:
                variable = SelectorWidth(f"width{step}", select)
            case 1:
                numbers = Map(f"numbers{step}", three, drawn(f"numbers{step}", 3))
                variable = Map(f"high{step}", Mean(f"mean{step}", select, numbers), drawn(step, 3))
            case 2:
                variable = SequenceMap(f"both{step}", one, two, drawn(step, 3))
            case 3:
                place = Map(f"place{step}", two, drawn(step, LENGTH))
                only = Select(POSITIONS, place, lambda key, query: key == query)
                variable = Aggregate(f"moved{step}", only, three)
            case _:
                variable = Map(f"one{step}", one, drawn(step, 3))
        known.append(variable)
    output = known[-1]
    for variable in known[2:-1]:  # so that all are computed
        output = SequenceMap(f"and_{variable.name}", output, variable, drawn(variable.name, 3))
    return Program(output, (0, 1, 2), LENGTH)


@pytest.mark.parametrize("seed", range(6))
def test_random_programs(seed):
    program = random_program(seed)
    net = compile_program(program)
    for length in (1, 2, LENGTH):
        assert_equal_everywhere(program, net, sequences((0, 1, 2), length)[::2])


def test_nothing_selected_and_no_value():
    even = Map("even", TOKENS, lambda x: x if x % 2 == 0 else None)
    never = Select(even, TOKENS, lambda key, query: key == query + 1)
    width = SelectorWidth("width", never)
    moved = Aggregate("moved", Select(POSITIONS, width, lambda key, query: key == query), even)
    program = Program(SequenceMap("pair", moved, width, lambda a, b: (a, b)), (0, 1, 2), 3)
    sequence = (1, 2, 2)
    assert interpreted(program, sequence) == {
        "begin": [None] * 3,
        "tokens": [1, 2, 2],
        "positions": [0, 1, 2],
        "even": [None, 2, 2],
        "width": [2, 0, 0],
        "moved": [2, None, None],
        "pair": [(2, 2), None, None],
    }
    assert_equal_everywhere(program, compile_program(program), sequences((0, 1, 2), 3))


def test_means_are_exact_fractions():
    everywhere = Select(POSITIONS, POSITIONS, lambda key, query: key <= query)
    sign = Map("sign", TOKENS, {"a": 1, "b": Fraction(-1, 3)}.get)
    mean = Mean("mean", everywhere, sign)
    program = Program(Map("result", mean, lambda x: x), "abc", 3)
    assert interpreted(program, "acb")["mean"] == [1, Fraction(1, 2), Fraction(2, 9)]
    assert_equal_everywhere(program, compile_program(program), sequences("abc", 3))


def test_compiling_draws_nothing_and_gives_the_same_net_again():
    torch.manual_seed(3)
    first = torch.rand(1)
    torch.manual_seed(3)
    nets = [compile_program(sort("abc", 3)) for _ in range(2)]
    assert torch.equal(torch.rand(1), first)
    states = [x.state_dict() for x in nets]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not any(x.requires_grad for x in nets[0].parameters())
    assert isinstance(nets[0], CompiledTransformer)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: reverse("aba", 3), GraphError, "different tokens are needed"),
        (lambda: reverse("", 3), GraphError, "different tokens are needed"),
        (lambda: histogram((1, None), 3), GraphError, "which means no value"),
        (lambda: reverse("ab", 0), GraphError, "length is 0"),
        (lambda: brackets("(", 3), GraphError, "opens and one that closes"),
        (lambda: Program(Map("tokens", TOKENS, str), "ab", 2), GraphError, "a name of its own"),
        (lambda: Program(Map("not this", TOKENS, str), "ab", 2), GraphError, "a name of its own"),
        (lambda: Program(Map("x", BEGIN, str), "ab", 2), GraphError, "reads the begin token"),
        (lambda: Program(Map("x", TOKENS, {}.get), "ab", 2), GraphError, "has no value for"),
        (lambda: Program(BEGIN, "ab", 2), GraphError, "no values to tell apart"),
        (
            lambda: Program(Mean("m", Select(TOKENS, TOKENS, max), TOKENS), (0, 1), 2),
            GraphError,
            "no values to tell apart",
        ),
        (
            lambda: Program(
                Map("y", Mean("m", Select(TOKENS, TOKENS, max), TOKENS), str), "ab", 2
            ),
            GraphError,
            "whole numbers or fractions",
        ),
        (
            lambda: Program(
                SequenceMap("y", TOKENS, Mean("m", Select(TOKENS, TOKENS, max), TOKENS), max),
                (0, 1),
                2,
            ),
            GraphError,
            "only a Map reads means",
        ),
        (
            lambda: Program(
                SequenceMap("y", TOKENS, POSITIONS, lambda a, b: (a, b)), range(64), 64
            ),
            LimitError,
            "'y' has 4,096 values",
        ),
    ],
)  # fmt: skip
def test_programs_that_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_sequences_that_are_refused():
    program = reverse("ab", 3)
    net = compile_program(program)
    for given in ("", "abab"):
        with pytest.raises(GraphError, match="takes 1 to 3"):
            interpreted(program, given)
    with pytest.raises(GraphError, match="no token 'c'"):
        net.encoded(["abc"])
    with pytest.raises(GraphError, match=r"lengths \[1, 2\]"):
        net.encoded(["a", "ab"])
    with pytest.raises(GraphError, match="no sequences"):
        net.encoded([])
    mixed = Aggregate("mixed", Select(POSITIONS, POSITIONS, lambda key, query: True), TOKENS)
    with pytest.raises(GraphError, match="need the same value"):
        interpreted(Program(mixed, "ab", 2), "ab")
