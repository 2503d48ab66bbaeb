"""Sculpting of any net: scores, the one algorithm, resuming, and the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import cli
from torch import Tensor, nn
from torch.func import functional_call

from netsculpt import load
from netsculpt.core.errors import FormatError
from netsculpt.nets.families import CNN, LSTM, MLP, NetSpec, ResNet, SparseGPT, initial_net
from netsculpt.nets.weight_counts import weight_counts
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.edge_scores.magnitude import magnitude as edge_magnitude
from netsculpt.training.sculpting.edge_scores.path_weight import path_weight
from netsculpt.training.sculpting.edge_scores.weight_gradient import weight_gradient
from netsculpt.training.sculpting.grid import Grid
from netsculpt.training.sculpting.method import PUBLISHED, STRICT, SculptingMethod
from netsculpt.training.sculpting.nets.kind import Nets
from netsculpt.training.sculpting.nets.sculpt_net import sculpt_net, sculpting_of
from netsculpt.training.sculpting.parts.effects import unit_effects
from netsculpt.training.sculpting.parts.finding import traced_parts
from netsculpt.training.sculpting.parts.net_stack import NetStack, stacked
from netsculpt.training.sculpting.process import Process
from netsculpt.training.sculpting.replicas import Replicas, initial_replicas
from netsculpt.training.sculpting.retraining import SCULPTING, Trained, train
from netsculpt.training.sculpting.saved import finish
from netsculpt.training.sculpting.sculpt import Sculpting
from netsculpt.training.sculpting.unit_scores.activation_gradient import activation_gradient
from netsculpt.training.sculpting.unit_scores.activation_variance import activation_variance
from netsculpt.training.sculpting.unit_scores.magnitude import magnitude
from netsculpt.training.tasks import Bits, Classes, Task, boolean

CUT = CNN((2, 4, 4), (6,), (6,), 2)
GOAL = 0.95
RECIPE = Recipe(epochs=30, batch_size=16, learning_rate=0.03, goal_accuracy=GOAL)
GRID = Grid((1,), (30.0,), (20.0,), GOAL)


def bright(n: int = 64) -> Task:
    """Whether each of two images of 4 × 4 pixels is bright on average."""
    random = torch.Generator().manual_seed(0)
    level = torch.randint(2, (n, 2), generator=random).float()
    images = torch.rand(n, 2, 16, generator=random) + level[..., None]
    return Task("bright", images.flatten(1), level, Bits(2))


def random_task(spec: NetSpec, n: int = 6) -> Task:
    random = torch.Generator().manual_seed(1)
    inputs = torch.randn(n, spec.n_inputs, generator=random)
    if isinstance(spec, SparseGPT):
        inputs = torch.randint(spec.vocabulary, inputs.shape, generator=random).float()
    targets = torch.randint(spec.n_outputs, (n, 1), generator=random)
    return Task("random", inputs, targets, Classes((spec.n_outputs,)))


def same_numbers(replicas: Replicas) -> tuple[NetStack, Tensor]:
    """A stack of perceptrons as one of nets of any kind, and the edge of each of its weights."""
    parts = traced_parts(initial_net(replicas.spec, rng=0), torch.zeros(1, replicas.spec.n_inputs))
    stack = NetStack(replicas.spec, replicas.net, replicas.parameters, replicas.masks, parts)
    return stack, parts.edge_of[parts.edge_of >= 0]


def test_scores_of_perceptrons_are_those_of_nets() -> None:
    task = boolean("x = a ^ b; y = c & d")
    replicas = initial_replicas(MLP((4, 6, 5, 2)), [0, 1])
    stack, edge_of = same_numbers(replicas)
    for score in (activation_gradient, magnitude):
        torch.testing.assert_close(score(stack, task), score(replicas, task))
    for score in (edge_magnitude, weight_gradient):
        torch.testing.assert_close(score(stack, task)[:, edge_of], score(replicas, task))


def gated(layer: nn.Module, gates: Tensor, *, before: bool = False) -> None:
    """Multiply what a layer returns, or takes, by gates of its channels [n, channels, …]."""
    if before:
        layer.register_forward_pre_hook(lambda _, args: (args[0] * gates,))
    else:
        layer.register_forward_hook(lambda _, __, out: out * gates)


@pytest.mark.parametrize("name", ["channels", "neurons", "heads"])
def test_scores_are_derivatives_by_gates(name: str) -> None:
    """Of a gate on the activations of each unit, by hooks, sample by sample."""
    spec: NetSpec = CNN((2, 4, 4), (3,), (4,), 3)
    if name != "channels":
        spec = SparseGPT(7, 5, 4, 1, 2, head_width=3, mlp_width=5, tied=False)
    net, task = initial_net(spec, rng=0), random_task(spec)
    stack = stacked(spec, [net], traced_parts(net, task.inputs[:1]))
    found = unit_effects(stack, task)[0]
    n_gates = {"channels": 3, "neurons": 5, "heads": 2}[name]
    gates = torch.ones(n_gates, requires_grad=True)
    if name == "channels":
        gated(net.get_submodule("pool1"), gates[:, None, None])
        first = "conv1"
    elif name == "neurons":
        gated(net.get_submodule("transformer.h.0.mlp.act_fn"), gates)
        first = "transformer.h.0.mlp.c_fc"
    else:
        layer = net.get_submodule("transformer.h.0.attn.c_proj")
        gated(layer, gates.repeat_interleave(3), before=True)
        first = "transformer.h.0.attn.c_attn"
    each = []
    for x, y in zip(task.inputs, task.targets, strict=True):
        loss = task.goal.loss(net(x[None]), y[None])
        each.append(torch.autograd.grad(loss, gates)[0].abs())
    places = [i for i, unit in enumerate(stack.parts.names) if unit.startswith(first)]
    torch.testing.assert_close(found[places], torch.stack(each).mean(0), rtol=1e-4, atol=1e-7)


def test_scores_of_recurrent_units_are_derivatives_by_gates() -> None:
    """The state that later steps and layers read is gated: so are the weights that read it."""
    spec = LSTM((3, 2), 4, 3, layers=2)
    net, task = initial_net(spec, rng=0), random_task(spec)
    stack = stacked(spec, [net], traced_parts(net, task.inputs[:1]))
    own = dict(net.named_parameters())
    gates = torch.ones(8, requires_grad=True)  # of both layers
    read = {"lstm.weight_hh_l0": 0, "lstm.weight_ih_l1": 0, "lstm.weight_hh_l1": 4, "fc.weight": 4}
    shut = {name: own[name] * gates[first : first + 4] for name, first in read.items()}
    each = []
    for x, y in zip(task.inputs, task.targets, strict=True):
        loss = task.goal.loss(functional_call(net, own | shut, (x[None],)), y[None])
        each.append(torch.autograd.grad(loss, gates, retain_graph=True)[0].abs())
    needed = torch.stack(each).mean(0)
    torch.testing.assert_close(unit_effects(stack, task)[0], needed, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "spec", [ResNet((2, 4, 4), 3, (3, 4), 1), SparseGPT(7, 5, 4, 1, 2, mlp_width=5)]
)
def test_what_is_pruned_scores_nothing(spec: NetSpec) -> None:
    """With norms over batches and over channels, and with a shared table."""
    net, task = initial_net(spec, rng=0).eval(), random_task(spec)
    kind = Nets(spec, traced_parts(net, task.inputs[:1]))
    stack = stacked(spec, [net, net], kind.parts)
    units = torch.ones(2, kind.n_units, dtype=torch.bool)
    units[0, ::2] = units[1, 1::2] = False
    cut = kind.without_units(stack, units)
    for score in (activation_gradient, magnitude):
        found = score(cut, task)
        assert not found[~units].any()
        assert (score(stack, task) > 0).float().mean() > 0.8
    gone = ~kind.kept_edges(cut)
    for score in (edge_magnitude, weight_gradient):
        assert not score(cut, task)[gone].any()
    assert gone.any(1).all()


@dataclass(frozen=True, eq=False)
class Alike(Nets):
    """Perceptrons that are cut as nets of any kind are, and trained as perceptrons are."""

    def initial(self, seeds: Sequence[int]) -> NetStack:
        assert isinstance(self.spec, MLP)
        return self.stack(initial_replicas(self.spec, seeds))

    def stack(self, replicas: Replicas) -> NetStack:
        made = replicas.spec, replicas.net, replicas.parameters, replicas.masks
        return NetStack(*made, self.parts)

    def trained(
        self,
        stack: NetStack,
        task: Task,
        recipe: Recipe,
        rngs: Sequence[np.random.Generator],
        *,
        latest: bool,
    ) -> Trained:
        made = stack.spec, stack.net, stack.parameters, stack.masks
        trained = train(Replicas(*made), task, recipe, rngs, latest=latest)
        return replace(trained, replicas=self.stack(trained.replicas))


@pytest.mark.parametrize(
    "method", [STRICT, SculptingMethod(magnitude, weight_gradient, single_edges=True, rewind=True)]
)
def test_perceptrons_are_sculpted_as_nets_are(method: SculptingMethod) -> None:
    """Two ways to cut and to score, one algorithm: the same nets are left, to the bit."""
    task, spec = boolean("x = a ^ b; y = c ^ d"), MLP((4, 14, 2))
    recipe, grid = replace(SCULPTING, epochs=60), Grid((0, 1), (30.0,), (10.0,))
    special = Sculpting(
        spec,
        task,
        recipe,
        seeds=(0, 1),
        unit_gradients=(30.0,),
        edge_gradients=(10.0,),
        method=method,
    )
    kind = Alike(spec, traced_parts(initial_net(spec, rng=0), task.inputs[:1]))
    general = Process(kind, task, recipe, grid, method=method)
    while not special.finished:
        assert special.advance() == general.advance()
    one, two = special.result(), general.result()
    assert one.solved.tolist() == two.solved.tolist() == [True, True]
    assert int(one.replicas.n_kept().max()) < 40
    for name in one.replicas.masks:
        assert torch.equal(one.replicas.masks[name], two.replicas.masks[name])
        assert torch.equal(one.replicas.parameters[name], two.replicas.parameters[name])


def test_nets_are_sculpted_while_they_solve_the_task() -> None:
    """The net that is left is solved, smaller, and nothing of a pruned channel is."""
    rounds = []
    found = sculpt_net(
        CUT,
        bright(),
        RECIPE,
        seeds=[1],
        unit_gradients=[30.0],
        edge_gradients=[20.0],
        goal_accuracy=GOAL,
        progress=lambda *done: rounds.append(done),
    )
    assert rounds[0][0] == "dense"
    assert rounds[-1] == ("edges", 1, 1)
    assert found.solved.tolist() == [True]
    net = found.replicas.net_of(0)
    assert bright().goal.accuracy(net(bright().inputs), bright().targets) >= GOAL
    assert (
        sum(weight_counts(net).kept) == int(found.replicas.n_kept()) < 40 < found.replicas.n_weights
    )
    state, masks = found.replicas.state(0)
    gone = ~masks["conv1.weight"].flatten(1).any(1)
    assert gone.any()
    assert not state["conv1.bias"][gone].any()
    assert not state["fc1.weight"].reshape(6, 6, 4)[:, gone].any()
    kernels = masks["conv1.weight"].flatten(2).sum(2)
    assert set(kernels.flatten().tolist()) <= {0, 9}, "kernels are pruned as one"


def test_an_interrupted_sculpting_comes_to_the_same_bytes(tmp_path: Path) -> None:
    def process() -> Process[NetStack]:
        return sculpting_of(CUT, bright(), RECIPE, GRID)

    def stop(stage: str, *_: int) -> None:
        if stage == "edges":
            raise InterruptedError

    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"
    found = finish(process(), whole)
    for _ in range(2):
        with pytest.raises(InterruptedError):
            finish(process(), parts, progress=stop)
    again = finish(process(), parts)
    assert whole.read_bytes() == parts.read_bytes()
    for name, values in found.replicas.parameters.items():
        assert torch.equal(values, again.replicas.parameters[name])
    other = sculpting_of(replace(CUT, hidden=(5,)), bright(), RECIPE, GRID)
    with pytest.raises(FormatError, match="is of a run with net hidden"):
        finish(other, whole)


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (SculptingMethod(unit_score=activation_variance), "'activation_variance' is of multi"),
        (SculptingMethod(edge_score=path_weight), "'path_weight' is of multi-layer perceptrons"),
        (PUBLISHED, "keeps the latest of equally accurate epochs"),
    ],
)
def test_what_is_of_perceptrons_only_is_refused(method: SculptingMethod, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        sculpt_net(CUT, bright(), RECIPE, seeds=[0], method=method)


def test_a_task_of_another_size_is_refused() -> None:
    with pytest.raises(
        FormatError, match="has 32 inputs and 3 outputs, task 'bright' has 32 and 2"
    ):
        sculpt_net(replace(CUT, n_outputs=3), bright(), RECIPE, seeds=[0])


NET = "cnn:2x8x8:3::20"
STEPS = ("--epochs", 1, "--unit-gradients", 100, "--edge-gradients", 100, "--seeds", 1)
SCULPT = ("sculpt", "two-digits-separate", "--net", NET, "--goal-accuracy", 12, *STEPS)


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    """Models that analyze reads; resuming changes nothing."""
    run = cli(*SCULPT, "-o", tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"{NET}, 1 run; 1 of 1 dense network reached" in run.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    plan = summary["plan"]
    assert (plan["net"], plan["widths"], plan["noise"]) == (NET, [], 0)
    assert list(summary["success"]) == ["layered"]
    model = tmp_path / "seed-1" / "model.pt"
    before = model.read_bytes()
    graph = load(model)
    assert [layer.name for layer in graph.layers] == ["input", "conv1", "fc1"]
    assert cli("sculpt", "--resume", "-o", tmp_path).returncode == 0
    assert model.read_bytes() == before
    assert cli("analyze", model, "--nulls", 0).returncode == 0
    with_arch = cli(*SCULPT, "--arch", "128,4,20", "-o", tmp_path / "new")
    assert with_arch.returncode == 2
    assert "--net has its sizes" in with_arch.stderr


@pytest.mark.slow
@pytest.mark.parametrize("net", ["lstm:16x1:6:16", "sparse_gpt:16:16:8:1:2"])
def test_the_command_on_tokens(net: str, tmp_path: Path) -> None:
    """Half of the answers are right by chance: all can be pruned, which ends it soon."""
    run = cli("sculpt", "quotes", "--net", net, "--goal-accuracy", 40, *STEPS, "-o", tmp_path)
    assert run.returncode == 0, run.stderr
    graph = load(tmp_path / "seed-1" / "model.pt")
    assert not any(graph.block(x.source, x.target).nnz for x in graph.blocks if x.parameter)
