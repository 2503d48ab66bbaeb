# %% [markdown]
# # Your own model
# A net of yours, pruned as you prune, becomes a graph; its modules are compared with chance. Here it is a perceptron that learns
# the digits and is pruned with `torch.nn.utils.prune`; any net that `torch.export` follows goes the same way.

# %%
import torch
from torch.nn.utils import prune

import netsculpt as ns
from netsculpt.training import task

torch.manual_seed(0)
digits = task("digits", rng=0)
net = torch.nn.Sequential(
    torch.nn.Linear(64, 32),
    torch.nn.ReLU(),
    torch.nn.Linear(32, 24),
    torch.nn.ReLU(),
    torch.nn.Linear(24, 10),
)


def train(epochs):
    optimizer = torch.optim.Adam(net.parameters(), 0.005)
    for _ in range(epochs):
        for rows in torch.randperm(digits.n_samples).split(64):
            loss = torch.nn.functional.cross_entropy(
                net(digits.inputs[rows]), digits.targets[rows, 0]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


train(20)
for layer in net:
    if isinstance(layer, torch.nn.Linear):
        prune.l1_unstructured(layer, "weight", amount=0.85)
train(20)
held_out = digits.held_out
float((net(held_out.inputs).argmax(1) == held_out.targets[:, 0]).float().mean())

# %% [markdown]
# ## The graph
# `trace` runs the net as a list of operations, each of which says which units it connects. Masks of `torch.nn.utils.prune` are
# found by themselves. The fidelity says how closely the edges reproduce what the layers compute: 1e-7 is rounding.

# %%
example = digits.inputs[:8]
graph = ns.trace(net, example)
print(graph)
print(ns.tracing.fidelity(net, graph, example).max_error)

# %% [markdown]
# Units that pruning left without a path from an input to an output are dead. What follows is about the others.

# %%
live = graph.live()
graph.n_units - live.n_units, live.n_units, live.n_edges

# %% [markdown]
# ## Paths
# The share of all path weight that passes through each unit, and the few units that carry 90 % of it.

# %%
share = ns.paths.path_share(live.magnitude)
core = ns.paths.path_core(live.magnitude)
print(core.units.size, "units carry 90 %:", ", ".join(core.names))
ns.plots.path_profile(live, share)

# %% [markdown]
# ## Modules, and chance
# Detected on balanced weights, which no scale of a unit changes, and compared with networks that have the same degrees. With 19 of
# them p can just reach .05; take 200 for a paper.

# %%
partition = ns.modules.layered(graph.balanced, rng=0)
chance = ns.significance(
    lambda g: ns.modules.quality(g, ns.modules.layered(g, rng=0)),
    graph.balanced,
    null=ns.nulls.rebalanced(ns.nulls.rewire),
    n=19,
    rng=0,
)
print(f"ΔQ = {chance.delta:.3f}, z = {chance.z:.1f}, p = {chance.p:.2f}")
ns.plots.null_distribution(chance)

# %%
ns.plots.network(live, partition=ns.modules.layered(live.balanced, rng=0))

# %% [markdown]
# The same in one command, with tables, figures for a column and a manifest: `netsculpt analyze model.pt -o out`, where `model.pt` is the
# state dict. For nets that are not plain chains add `--model nets.py:make --example-shape 1,64`, so that it can be traced.
