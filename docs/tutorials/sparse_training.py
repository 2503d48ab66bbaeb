# %% [markdown]
# # Sparse training on your own loop
# A sparsifier puts masks into any net and moves them while it learns. It takes the place of `optimizer.step()`, and counts exactly.

# %%
import torch

import netsculpt as ns
from netsculpt.training import dynamic, task

digits = task("digits", rng=0)
held_out = digits.held_out


def trained(method, epochs=15, seed=0):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(64, 96),
        torch.nn.ReLU(),
        torch.nn.Linear(96, 48),
        torch.nn.ReLU(),
        torch.nn.Linear(48, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    sparsifier = method(net, density=0.05, end=24 * epochs * 3 // 4, rng=seed)
    for _ in range(epochs):
        for batch in torch.randperm(digits.n_samples).split(64):
            loss = torch.nn.functional.cross_entropy(
                net(digits.inputs[batch]), digits.targets[batch, 0]
            )
            optimizer.zero_grad()
            loss.backward()
            sparsifier.step(optimizer)
    return net


def accuracy(net):
    return float((net(held_out.inputs).argmax(1) == held_out.targets[:, 0]).float().mean())


# %% [markdown]
# RigL grows where gradients are large, SET at random; a static mask is the control.

# %%
nets = {name: trained(getattr(dynamic, name)) for name in ("static", "set", "rigl")}
{name: round(accuracy(net), 3) for name, net in nets.items()}

# %% [markdown]
# One seed says little: `analyses/sparse_training.py` has the comparison with seeds and intervals. What the methods do to the *network* is
# seen in the graphs: how many units live, and how the paths are spread.

# %%
graphs = {name: ns.trace(net, digits.inputs[:8]) for name, net in nets.items()}
for name, graph in graphs.items():
    live = graph.live()
    core = ns.paths.path_core(live.magnitude)
    print(
        f"{name}: {live.n_units} of {graph.n_units} units live, {core.units.size} carry 90 % of the paths"
    )

# %%
live = graphs["rigl"].live()
ns.plots.path_profile(live, ns.paths.path_share(live.magnitude))

# %% [markdown]
# The same by one command: `netsculpt train --net mlp:64,96,48,10 --task digits --sparse rigl --density .05 -o rigl.pt`, and then
# `netsculpt analyze rigl.pt`. All methods and their parts: [Train sparse](../sparse-training.md).
