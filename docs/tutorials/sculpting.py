# %% [markdown]
# # Sculpting a task
# Neural Sculpting (Patil, Michael and Dovrolis 2023) prunes units, then edges, while the task is still solved. What is left shows
# the sub-functions of the task and who uses them.

# %%
import netsculpt as ns
from netsculpt.nets import MLP
from netsculpt.training import sculpt, task

shared = task("overlap-2-use-1")
for function in shared.truth.functions:
    print(function.name, "reads inputs", function.inputs)

# %% [markdown]
# Many seeds are trained as one stacked batch. Each has its own initial weights and order of samples.

# %%
sculpted = sculpt(MLP((6, 24, 24, 2)), shared, seeds=range(6))
kept = sculpted.replicas.n_kept()
rows = sculpted.sparsest()
[(int(row), int(kept[row])) for row in rows]

# %% [markdown]
# The sparsest one as a graph. `path_signature` groups units by the outputs that they serve, from weights alone.

# %%
best = min(rows, key=lambda row: kept[row])
weights, masks = sculpted.replicas.state(best)
graph = ns.from_matrices(
    [w.numpy() for name, w in weights.items() if "weight" in name],
    masks=[m.numpy() for m in masks.values()],
).live()
partition = ns.modules.path_signature(graph, rng=0)
ns.plots.network(graph, partition=partition)

# %% [markdown]
# Which module feeds which, and which links are more than chance:

# %%
tree = ns.hierarchy.ordered(graph, partition, null=ns.nulls.rewire, rng=0)
ns.plots.module_hierarchy(tree)

# %%
tree.link_table()

# %% [markdown]
# On the command line: `netsculpt sculpt overlap-2-use-1 --seeds 0-19 -o runs`, which resumes after a crash to the same bits, and
# `netsculpt analyze runs/seed-0/model.pt --detector all`. Your own functions go into a file, one a line: `f = (a ^ b) & c`.
