"""Boolean tasks: the published truth tables, and a truth that the tables themselves confirm."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.graph.circuits import compile_circuit, parse_circuit, truth_table
from netsculpt.training.tasks import Bits, Task, boolean, task, task_names
from netsculpt.training.tasks.families import FAMILIES, levels, overlap

# sha256 of the published tables: inputs, then outputs, one byte a bit, row by row.
TABLES = {
    "input-separable": "ab359393fc15f371",
    "input-separable-reused": "4cfa6888022cc161",
    "levels-1": "6c0d9c88f8cd5cd4",
    "levels-2": "31fbe13f53108fb6",
    "levels-4": "860d5fcd9f5b338f",
    "levels-6": "814199657a6369f1",
    "levels-8": "2ccd929f708c19f3",
    "non-modular": "e23c6bd6077745bb",
    "overlap-0-use-1": "0567e2e26db237d5",
    "overlap-0-use-2": "890a2a791a5ecf2d",
    "overlap-0-use-4": "cef8d7ac5dcd78de",
    "overlap-0-use-6": "3ed86559b9a1469f",
    "overlap-0-use-8": "3ea00dd59eebb826",
    "overlap-1-use-1": "8e857c801258ba0d",
    "overlap-1-use-2": "99bc8b493a55ef75",
    "overlap-1-use-4": "21b3f550523e19d6",
    "overlap-1-use-6": "123816511ba82cc0",
    "overlap-1-use-8": "c951150b4f78f46a",
    "overlap-2-use-1": "294a9ff1e55e5dc8",
    "overlap-2-use-2": "2dab3cd545064f14",
    "overlap-2-use-4": "f2bb3e41d7f053f9",
    "overlap-2-use-6": "d3d978eeb7ac5040",
    "overlap-2-use-8": "59210aea9533e1d0",
    "overlap-3-use-1": "f2572142f87c93cb",
    "overlap-3-use-2": "b84b1238d403122b",
    "overlap-3-use-4": "998632d103858cc4",
    "overlap-3-use-6": "9b7f82e0bf87f851",
    "overlap-3-use-8": "93c54eddfa82b3cd",
    "overlap-4-use-1": "11f3c737a137d7d9",
    "overlap-4-use-2": "1f489d1575bc2fbd",
    "overlap-4-use-4": "636b0febb6793e45",
    "overlap-4-use-6": "21e6953b992691d7",
    "overlap-4-use-8": "46bbe7d456f13f95",
    "reused": "388f366b65724cca",
    "reused-use-1": "74c552826f34ed68",
    "reused-use-2": "c21cddceadcfafc0",
    "reused-use-4": "3a9b4622a7e08eae",
    "reused-use-6": "5397e144ddb26017",
    "reused-use-8": "388f366b65724cca",
}
# The paper's groups: inputs of one letter are used by the same sub-functions, outputs by function.
GROUPS = {
    "input-separable": ("aabb", "0011"),
    "input-separable-reused": ("aabbcc", "012"),
    "levels-2": ("aaaabbbb", "0101"),
    "non-modular": ("aaaa", "0000"),
    "overlap-0-use-2": ("aaaabbbb", "0101"),
    "overlap-1-use-2": ("aaabccc", "0101"),
    "overlap-2-use-2": ("aabbcc", "0101"),
    "overlap-3-use-2": ("abbbc", "0101"),
    "overlap-4-use-2": ("aaaa", "0101"),
    "reused": ("aaaa", "01" * 8),
}


def groups(labels: str) -> list[int]:
    return [sorted(set(labels)).index(letter) for letter in labels]


@pytest.mark.parametrize("name", TABLES)
def test_table_is_the_published_one(name: str) -> None:
    made = task(name)
    content = b"".join(part.numpy().astype("u1").tobytes() for part in (made.inputs, made.targets))
    assert hashlib.sha256(content).hexdigest()[:16] == TABLES[name]
    assert made.name == name
    assert made.goal == Bits(made.targets.shape[1])
    assert made.held_out is None
    assert made.validation is made


@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_those_of_the_paper(name: str) -> None:
    truth = task(name).truth
    assert truth is not None
    inputs, outputs = GROUPS[name]
    assert truth.input_groups.labels.tolist() == groups(inputs)
    assert truth.output_groups.labels.tolist() == groups(outputs)


def flips(made: Task, column: int) -> np.ndarray:
    """Which inputs change an output in some row, from the table alone [n_inputs]."""
    table = {
        tuple(row): value
        for row, value in zip(made.inputs.tolist(), made.targets[:, column].tolist(), strict=True)
    }
    found = []
    for at in range(made.n_inputs):
        turned = ((*row[:at], 1 - row[at], *row[at + 1 :]) for row in table)
        found.append(any(table[x] != table[y] for x, y in zip(table, turned, strict=True)))
    return np.flatnonzero(found)


@pytest.mark.parametrize("name", GROUPS)
def test_functions_read_what_the_table_depends_on(name: str) -> None:
    made = task(name)
    assert made.truth is not None
    given = {column: x.name for x in made.truth.functions for column in x.outputs}
    assert sorted(given) == list(range(made.n_outputs))
    for column, function in given.items():
        assert flips(made, column).tolist() == sorted(made.truth.reads[function])


@pytest.mark.parametrize("name", GROUPS)
def test_outputs_of_one_group_are_equal_or_opposite(name: str) -> None:
    made = task(name)
    assert made.truth is not None
    labels = made.truth.output_groups.labels
    columns = made.targets.T
    for i, x in enumerate(columns):
        for j, y in enumerate(columns):
            same = torch.equal(x, y) or torch.equal(x, 1 - y)
            assert same == (labels[i] == labels[j])


@pytest.mark.parametrize("template", FAMILIES)
def test_families_compile_to_networks_with_the_same_truth(template: str) -> None:
    text = FAMILIES[template](*[2] * (template.count("K") + template.count("N")))
    circuit = parse_circuit(text)
    net, made = compile_circuit(circuit), boolean(text)
    inputs, outputs = truth_table(circuit)
    np.testing.assert_array_equal(net(inputs), outputs)
    assert made.truth is not None
    labels = net.truth.labels
    first, last = labels[: made.n_inputs], labels[-made.n_outputs :]
    assert first.tolist() == made.truth.input_groups.labels.tolist()
    given = {column: x.name for x in made.truth.functions for column in x.outputs}
    assert [net.modules[x] for x in last] == [given[at] for at in range(made.n_outputs)]


def test_function_graph_of_a_hierarchy() -> None:
    truth = boolean(levels(3)).truth
    assert truth is not None
    assert {x.name: x.uses for x in truth.functions} == {
        "left": (),
        "right": (),
        "differ": ("left", "right"),
        "only_left": ("left", "differ"),
        "only_right": ("right", "differ"),
    }
    assert truth.functions[0].inputs == (0, 1, 2, 3)
    assert truth.functions[3].outputs == (0, 2, 4)


def test_copies_and_negations_are_no_functions_of_their_own() -> None:
    made = boolean("f = a ^ b\ng = ~f\nh = g\ny = h & c\nz = g\nw = ~c")
    assert made.truth is not None
    assert [x.name for x in made.truth.functions] == ["f", "y", "w"]
    assert made.truth.functions[1].uses == ("f",)
    assert made.truth.output_groups.labels.tolist() == [0, 1, 2]  # y, z = f, w
    assert [x.outputs for x in made.truth.functions] == [(1,), (0,), (2,)]


def test_inputs_are_grouped_by_all_functions_above_them() -> None:
    """An input that is read again further up stays the same: b and c differ, a and b do not."""
    made = boolean("f = a & b\ng = f ^ c\nh = g & a\ny = h | b")
    assert made.truth is not None
    assert made.truth.input_groups.labels.tolist() == [0, 0, 1]


def test_uses_that_the_paper_does_not_have() -> None:
    assert task("overlap-3-use-5").targets.shape == (32, 10)
    assert task("levels-3").targets.shape == (256, 6)


@pytest.mark.parametrize(
    "name", ["overlap-5-use-1", "overlap-1-use-0", "levels-65", "reused-use-0"]
)
def test_numbers_out_of_range(name: str) -> None:
    with pytest.raises(FormatError, match=r"0 … 4|1 … 64"):
        task(name)


@pytest.mark.parametrize(
    "name",
    ["", "overlap", "levels-N", "overlap--1-use-2", "levels-02", "levels-1\n", "Reused"],
)
def test_unknown_names_list_the_known(name: str) -> None:
    with pytest.raises(FormatError, match="overlap-K-use-N") as caught:
        task(name)
    assert all(known in str(caught.value) for known in task_names())


def test_more_than_a_table_holds() -> None:
    with pytest.raises(LimitError, match="21 inputs found"):
        boolean("f = " + " & ".join(f"x{i}" for i in range(21)))


def test_overlap_uses_the_letters_it_names() -> None:
    assert parse_circuit(overlap(3, 1)).inputs == tuple("abcde")
