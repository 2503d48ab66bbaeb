# %% [markdown]
# # Transfer and reuse
# Two questions that are often mixed up: is a net of use for another task, and does the other net *compute with* what it took over?

# %%
from dataclasses import replace

from netsculpt.nets import MLP, initial_net
from netsculpt.training import Recipe, fit, linear_transfer
from netsculpt.training.tasks import parse_task

source_task = parse_task("digits:0-4", rng=0)
net = initial_net(MLP((64, 64, 32, 5)), rng=0)
fitted = fit(net, source_task, replace(Recipe(), epochs=15), rng=0)

# %% [markdown]
# ## Transfer
# A new head on frozen features, at its exact optimum. What is chosen is chosen on samples that are not in the test. The control is a net
# that has learned nothing; on targets this small it is hard to beat.

# %%
target = parse_task("digits:5-9", rng=0)
untrained = initial_net(MLP((64, 64, 32, 5)), rng=1)
{
    name: round(linear_transfer(each, target, rng=0).accuracy, 3)
    for name, each in (("trained", net), ("untrained", untrained))
}

# %% [markdown]
# ## Reuse
# Circuits of which it is known what they share: the target has two of the source's four sub-functions. Modules are matched by what they
# do on all inputs; masks are compared, too.

# %%
import numpy as np

import netsculpt as ns
from netsculpt.compare import reuse
from netsculpt.graph.circuits import shared_circuits

pair = shared_circuits(4, 2, rng=0)
masks = [
    {f"fc{i}": w != 0 for i, w in enumerate(each.weights)} for each in (pair.source, pair.target)
]
print("R* =", round(reuse.mask_reuse(*masks, rng=0).corrected, 2))

inputs = (np.arange(256)[:, None] >> np.arange(8)[::-1] & 1) > 0
nets = [
    reuse.ModuleActivations(each.activations(inputs), each.hidden[0], each.layer_of)
    for each in (pair.source, pair.target)
]
matching = reuse.match_by_activations(*nets, rng=0)
matching.table()

# %%
ns.plots.alluvial(matching, least_similarity=0.9)

# %% [markdown]
# Looking alike is not being used. `netsculpt reuse SOURCE TARGET --task …` also exchanges activations and silences modules, and gives each
# function one of four verdicts; [Measure reuse](../reuse.md) says what that can see in trained nets, and what it cannot.
