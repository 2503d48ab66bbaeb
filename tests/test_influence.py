"""What units carry, against plain loops over units, samples and values."""

from __future__ import annotations

import inspect
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError
from netsculpt.files.model import Model, read_model, write_model
from netsculpt.nets.families import CNN, MLP
from netsculpt.training.influence import answer_flips, replica_of_model
from netsculpt.training.influence import answer_flips as method
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.tasks import Bits, Classes, Task, boolean, hold_out, task

METHODS = catalog("influence")
CIRCUIT = "s = (a ^ b) & c\nf = s\ng = b | (c & d)\nh = ~s"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def sparse(widths: tuple[int, ...], seeds: range, density: float = 0.5) -> Replicas:
    """Random nets with biases, about half of the weights pruned."""
    nets = initial_replicas(MLP(widths), list(seeds))
    generator = torch.Generator().manual_seed(1)
    for values in nets.parameters.values():
        if values.ndim == 2:
            values.copy_(torch.randn(values.shape, generator=generator) * 0.3)
    masks = {
        name: torch.rand(mask.shape, generator=generator) < (density if mask.ndim == 3 else 2)
        for name, mask in nets.masks.items()
    }
    return nets.masked(masks)


def made(widths: tuple[int, ...], *layers: tuple[list[list[float]], list[float]]) -> Replicas:
    """One net by its weights [out, in] and biases; zeros are pruned."""
    net = initial_replicas(MLP(widths), [0])
    for at, (weights, biases) in enumerate(layers, start=1):
        net.parameters[f"fc{at}.weight"][0] = torch.tensor(weights)
        net.parameters[f"fc{at}.bias"][0] = torch.tensor(biases)
        net.masks[f"fc{at}.weight"][0] = torch.tensor(weights) != 0
    return net


def answers_of(goal: Bits | Classes, logits: np.ndarray) -> list[int]:
    """Answer that each output is a part of, one number an output."""
    if isinstance(goal, Bits):
        return [int(z > 0) for z in logits]
    found, start = [], 0
    for size in goal.sizes:
        found += [int(np.argmax(logits[start : start + size]))] * size
        start += size
    return found


def by_loops(nets: Replicas, at: int, samples: Task, n_values: int) -> np.ndarray:
    """Every unit, sample and value in turn, and the whole net computed again each time."""
    layers = [
        (nets.parameters[name][at].double().numpy(), nets.parameters[bias][at].double().numpy())
        for name, bias in ((x, x.replace("weight", "bias")) for x in nets.weights)
    ]

    def run(x: np.ndarray, layer: int = -1, unit: int = 0, value: float = 0.0) -> list[np.ndarray]:
        acts = [x.copy()]
        for step, (w, b) in enumerate(layers):
            if step == layer:
                acts[-1][unit] = value
            z = w @ acts[-1] + b
            acts.append(z if step == len(layers) - 1 else np.maximum(z, 0))
        return acts

    inputs = samples.inputs.double().numpy()
    clean = [run(x) for x in inputs]
    n, n_out = len(inputs), samples.n_outputs
    together, rows = np.zeros((n_out, n_out)), []
    for layer in range(len(layers)):
        for unit in range(clean[0][layer].size):
            seen = sorted(acts[layer][unit] for acts in clean)
            values = [seen[int((k + 0.5) * n / n_values)] for k in range(n_values)]
            flips = np.zeros(n_out)
            for (x, acts), value in product(zip(inputs, clean, strict=True), values):
                before = answers_of(samples.goal, acts[-1])  # type: ignore[arg-type]
                after = answers_of(samples.goal, run(x, layer, unit, value)[-1])  # type: ignore[arg-type]
                changed = np.array(before) != np.array(after)
                flips += changed
                if layer == 0:
                    together += np.outer(changed, changed)
            rows.append(flips / (n * n_values))
    return np.vstack([*rows, together / (n * n_values * inputs.shape[1])])


@pytest.mark.parametrize("widths", [(4, 6, 3), (4, 5, 4, 3), (4, 3)])
def test_equals_loops_on_a_truth_table(widths: tuple[int, ...]) -> None:
    nets, samples = sparse(widths, range(3), 0.7), boolean(CIRCUIT)
    found = answer_flips(nets, samples)
    assert found.shape == (3, sum(widths), 3)
    assert found.dtype == np.float64
    assert found.any()
    for at in range(3):
        np.testing.assert_allclose(found[at], by_loops(nets, at, samples, 16), atol=1e-12)


def test_equals_loops_on_classes_with_fewer_values_than_samples() -> None:
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.standard_normal((23, 5)).astype(np.float32))
    targets = torch.from_numpy(rng.integers(2, size=(23, 2)))
    samples = Task("random", inputs, targets, Classes((3, 2)))
    nets = sparse((5, 6, 5), range(2), 0.8)
    found = answer_flips(nets, samples, n_values=7)
    for at in range(2):
        np.testing.assert_allclose(found[at], by_loops(nets, at, samples, 7), atol=1e-12)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])  # outputs of one classification
    assert not np.array_equal(found[..., 0], found[..., 3])


def test_bits_that_are_flipped() -> None:
    """Of a balanced input it is half the influence of Boolean functions, by flipping the bit."""
    nets, samples = sparse((4, 8, 3), range(4), 0.9), boolean(CIRCUIT)
    found = answer_flips(nets, samples)
    logits = nets.forward(samples.inputs)(nets.parameters) > 0
    for bit in range(4):
        flipped = samples.inputs.clone()
        flipped[:, bit] = 1 - flipped[:, bit]
        changed = (nets.forward(flipped)(nets.parameters) > 0) != logits
        np.testing.assert_allclose(found[:, bit], changed.double().mean(1).numpy() / 2, atol=1e-12)


def test_a_kept_path_that_decides_nothing_counts_nothing() -> None:
    """y0 = a, y1 = b; a's path to y1 is kept and moves its logit, but never over 0."""
    net = made(
        (2, 2, 2),
        ([[1.0, 0.0], [0.4, 1.0]], [0.0, 0.0]),
        ([[1.0, 0.0], [0.0, 1.0]], [-0.5, -0.7]),
    )
    found = answer_flips(net, boolean("y0 = a\ny1 = b"))[0]
    expected = [[0.5, 0.0], [0.0, 0.5], [0.5, 0.0], [0.0, 0.5], [0.25, 0.0], [0.0, 0.25]]
    np.testing.assert_allclose(found, expected)


def test_what_feeds_nothing_or_never_changes_carries_nothing() -> None:
    """Hidden unit 0 feeds nothing, unit 1 is constant, unit 2 works; input c feeds nothing."""
    net = made(
        (3, 3, 1),
        ([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]], [0.0, 1.0, -1.0]),
        ([[0.0, 1.0, 1.0]], [-1.5]),
    )
    found = answer_flips(net, boolean("f = a & b & ~c"))[0, :, 0]
    assert (found > 0).tolist() == [True, True, False, False, False, True, True]


def test_a_stored_zero_is_no_influence() -> None:
    net = made((2, 1, 1), ([[1.0, 1.0]], [-1.0]), ([[1.0]], [0.0]))
    net.parameters["fc1.weight"][0, 0, 1] = 0.0
    net.parameters["fc1.bias"][0] = 0.0
    assert answer_flips(net, boolean("f = a & b"))[0, :, 0].tolist() == [0.5, 0.0, 0.5, 0.25]


def test_outputs_of_one_function_change_together() -> None:
    """The third output of the circuit is the negation of the first; one net computes all."""
    net = made(
        (2, 2, 3),
        ([[1.0, 1.0], [1.0, 0.0]], [-1.0, 0.0]),
        ([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [-0.5, -0.5, 0.5]),
    )
    both = answer_flips(net, boolean("s = a & b\nf = s\ng = a\nh = ~s"))[0, -3:]
    often = np.sqrt(both.diagonal())
    cosine = both / np.outer(often, often)
    assert cosine[0, 2] == pytest.approx(1)
    assert cosine[0, 1] == pytest.approx(0.5)
    np.testing.assert_allclose(both, both.T)


@pytest.mark.parametrize("name", METHODS)
def test_a_replica_alone_is_as_in_the_stack(name: str) -> None:
    nets, samples = sparse((4, 6, 3), range(5)), boolean(CIRCUIT)
    before = {key: values.clone() for key, values in nets.parameters.items()}
    found = METHODS[name](nets, samples)
    assert found.shape == (5, 13, 3)
    assert found.dtype == np.float64
    assert found.min() >= 0
    assert all(torch.equal(before[key], values) for key, values in nets.parameters.items())
    alone = METHODS[name](nets.take(torch.tensor([3])), samples)
    np.testing.assert_allclose(alone[0], found[3], atol=1e-12)
    assert list(inspect.signature(METHODS[name]).parameters)[:2] == ["replicas", "task"]


@pytest.mark.parametrize("name", METHODS)
def test_units_have_no_order(name: str) -> None:
    nets, samples = sparse((4, 6, 3), range(2), 0.8), boolean(CIRCUIT)
    order = torch.tensor([3, 0, 5, 1, 2, 4])

    def turned(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        axis = {"fc1.weight": 1, "fc1.bias": 1, "fc2.weight": 2}
        return {
            key: x.index_select(axis[key], order) if key in axis else x
            for key, x in tensors.items()
        }

    other = Replicas(nets.spec, nets.net, turned(nets.parameters), turned(nets.masks))
    found, again = METHODS[name](nets, samples), METHODS[name](other, samples)
    np.testing.assert_allclose(again[:, 4:10], found[:, 4 + order.numpy()], atol=1e-12)
    np.testing.assert_allclose(again[:, :4], found[:, :4], atol=1e-12)


def test_a_little_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nets, samples = sparse((4, 6, 3), range(2)), boolean(CIRCUIT)
    whole = answer_flips(nets, samples)
    monkeypatch.setitem(method.__globals__, "_NUMBERS", 1)
    np.testing.assert_allclose(answer_flips(nets, samples), whole, atol=1e-12)


def test_validation_samples_count() -> None:
    whole = boolean(CIRCUIT)
    split, nets = hold_out(whole, 0.5, rng=0), sparse((4, 6, 3), range(1))
    found = answer_flips(nets, split)
    np.testing.assert_array_equal(found, answer_flips(nets, split.validation))
    assert not np.array_equal(found, answer_flips(nets, whole))


def test_a_stored_model_is_a_stack_of_one(tmp_path: Path) -> None:
    nets, samples = sparse((4, 6, 3), range(2)), boolean(CIRCUIT)
    state, masks = nets.state(1)
    write_model(tmp_path / "model.pt", net=nets.spec.spec, state=state, masks=masks)
    again = replica_of_model(read_model(tmp_path / "model.pt"))
    np.testing.assert_array_equal(answer_flips(again, samples)[0], answer_flips(nets, samples)[1])


def test_masks_of_a_stored_model_prune() -> None:
    nets = initial_replicas(MLP((2, 3, 1)), [0])
    state, masks = nets.state(0)
    masks["fc1.weight"] = masks["fc1.weight"].clone()
    masks["fc1.weight"][0] = False
    found = replica_of_model(Model(nets.spec.spec, state, masks, {}))
    assert not found.parameters["fc1.weight"][0, 0].any()
    assert found.n_kept().tolist() == [7]


def test_errors_say_what_is_needed() -> None:
    nets = initial_replicas(MLP((4, 3, 3)), [0])
    with pytest.raises(FormatError, match="4 inputs and 3 outputs, task 'reused' has"):
        answer_flips(nets, task("reused"))
    with pytest.raises(FormatError, match="n_values is 1"):
        answer_flips(nets, boolean(CIRCUIT), n_values=1)
    state, masks = nets.state(0)
    cnn = CNN(image=(1, 8, 8), channels=(2,), hidden=(), n_outputs=3)
    with pytest.raises(FormatError, match="family 'cnn'"):
        replica_of_model(Model(cnn.spec, state, masks, {}))
    with pytest.raises(FormatError, match=r"'fc1.weight' of the model is \[3, 4\]"):
        replica_of_model(Model(MLP((5, 3, 3)).spec, state, masks, {}))
    del state["fc2.bias"]
    with pytest.raises(FormatError, match=r"'fc2.bias' of the model is missing"):
        replica_of_model(Model(nets.spec.spec, state, masks, {}))
