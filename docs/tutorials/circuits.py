# %% [markdown]
# # Circuits
# An attribution graph says which features of a language model led to its next token on one prompt. netsculpt reads the JSON that
# circuit-tracer writes, groups the features, says whether the groups are more than chance, and writes them back as supernodes. The
# example here has planted supernodes, so that it is known what should come out.

# %%
import netsculpt as ns
from netsculpt.graph.attribution import planted_supernodes
from netsculpt.paths.attribution import attribution_scores, influential

graph, truth = planted_supernodes(rng=0)
print(graph)
print(attribution_scores(graph))

# %% [markdown]
# The part that carries most of the influence on the logits, as published graphs are pruned:

# %%
small = influential(graph, 0.8, 0.98)
small.n_units, small.n_edges

# %% [markdown]
# ## Groups, and chance
# Null networks keep how many links each node has to each layer *at each token*: without the order of tokens, graphs without any groups
# would often look grouped.

# %%
partition = ns.modules.layered(graph.balanced, rng=0)
planted = ns.modules.compare(truth, partition)
chance = ns.significance(
    lambda g: ns.modules.quality(g, ns.modules.layered(g, rng=0)),
    graph.balanced,
    null=ns.nulls.rebalanced(ns.nulls.by_token(ns.nulls.rewire)),
    n=19,
    rng=0,
)
print(f"agreement with what was planted (adjusted Rand index): {planted.ari:.2f}")
print(f"ΔQ = {chance.delta:.3f}, z = {chance.z:.0f}, p = {chance.p:.2f}")
ns.plots.module_flow(ns.hierarchy.flow(graph, partition))

# %% [markdown]
# A small p says that links cluster, on this prompt; it does not say that a group computes something. Write the groups back with
# `ns.export(graph, "grouped.json", partition=partition)` or `netsculpt export prompt.json -o grouped.json`, and look at them where you
# look at graphs. [Circuits of transformers](../circuits.md)
