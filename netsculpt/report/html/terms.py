"""The words of the pages, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["TERMS"]

TERMS: Final[Mapping[str, tuple[str, str]]] = {  # identifier → heading, text
    "unit": ("unit", "A neuron, a channel or an element of a layer: a node of the graph."),
    "edge": (
        "edge",
        "A stored connection between two units: one kept entry of a mask. Its weight may be 0.",
    ),
    "density": (
        "density",
        "Kept weights divided by all weights before pruning, 0 to 1. Shared weights count once, "
        "identity connections are not weights.",
    ),
    "live": ("live, dead", "A unit is live if it is on a path from an input to an output."),
    "path": (
        "paths, path weight",
        "A path leads from an input to an output along edges. Its weight is the product of the "
        "|weights| on it; the total weight sums over all paths.",
    ),
    "core": (
        "path core, hourglass",
        "The fewest units, chosen greedily, such that 90 % of the paths pass through one of them. "
        "A flat network has the same paths without anything between inputs and outputs; the "
        "hourglass score is 1 minus the ratio of the two sizes: near 1, few units carry most "
        "paths.",
    ),
    "path_share": (
        "path share",
        "Of a unit or a module: the share of the input→output path weight that passes through it.",
    ),
    "module": (
        "module",
        "A set of units that are connected to each other more than to the rest.",
    ),
    "Q": (
        "Q",
        "Layer-aware modularity of a partition: the share of edge weight inside modules minus what "
        "the degrees in each pair of layers lead one to expect.",
    ),
    "delta": ("ΔQ", "Q minus its mean over the null networks: the size of the effect."),
    "z": (
        "z",
        "ΔQ in standard deviations over the null networks. None if they do not vary.",
    ),
    "p": (
        "p",
        "How often a null network has at least this Q; ≤ where more null networks could give less. "
        "For detectors that weigh evidence, the most that the evidence leaves to chance.",
    ),
    "holm": (
        "Holm's p",
        "p after correction for all tests of this network: the chance of any false one stays at "
        "the level chosen.",
    ),
    "stability": (
        "stability",
        "Mean adjusted mutual information of runs over seeds with each other or with these "
        "modules, whichever is less; 1 = always the same.",
    ),
    "ami": (
        "AMI with the layers",
        "Adjusted mutual information of modules and layers: near 0, modules cross the layers; 1, "
        "they are the layers.",
    ),
    "level": (
        "level",
        "Length of the longest chain of modules that feeds a module; 0 = fed by no other.",
    ),
    "reuse": ("reuse", "How many modules or outputs without a module a module feeds."),
    "inputs_seen": ("sees, serves", "Inputs with a path into a module; outputs that it reaches."),
    "degree": ("edges in, out", "How many edges lead into a unit, and out of it."),
    "fidelity": (
        "fidelity",
        "How well the graph accounts for what the net computes: checked on random inputs.",
    ),
    "confidence": (
        "confidence",
        "Share of the runs over seeds that agree on the module of a unit.",
    ),
    "consensus": (
        "consensus",
        "Modules of the units that runs over seeds put together most often.",
    ),
    "merged": (
        "module of the hierarchy",
        "Modules that feed each other, directly or in a circle, are one module of the hierarchy.",
    ),
    "attribute": ("attribute", "What the file, or the trace of the net, says of each unit."),
    "link": (
        "link",
        "The edges from one module to another; weight is the sum of their weights in the form that "
        "modules were found on.",
    ),
    "chance": (
        "by chance",
        "The mean of the same weight over null networks, whose modules have the same units.",
    ),
    "link_verdict": (
        "verdict of a link",
        "No circle: no way leads back, so it is kept whatever null networks say. On a circle of "
        "modules: above chance, kept; feedback, more than chance, but it would close a circle, so "
        "it is left out; chance, no more than chance, left out.",
    ),
    "link_z": (
        "z of a link",
        "Its weight minus that by chance, in standard deviations over the null networks. None, as "
        "for p, if the link weighs the same in all of them: then it is untested.",
    ),
    "link_p": (
        "p of a link",
        "How many links of this network a null network would make with as much excess, as a share "
        "of the links here.",
    ),
    "agreement": (
        "ARI, AMI",
        "Adjusted Rand index and adjusted mutual information of two divisions of the units: 1 if "
        "they are the same, about 0 if they agree by chance.",
    ),
    "null": (
        "null model, null networks",
        "Randomised networks that keep what is not in question, such as the degrees of the units; "
        "more of them make smaller p possible.",
    ),
    "seed": ("random seed", "The same seed, version and input give the same results."),
    "runs": ("runs for stability", "How often the detector was run again, with other seeds."),
    "attribution": (
        "attribution scores",
        "Replacement: the share of the influence on the answer that leads back to the prompt, not "
        "to errors. Completeness: the mean share of what enters a node that is not from errors, "
        "weighted by influence.",
    ),
    "step": ("step", "Of a training or a pruning: an epoch, an update, a round."),
    "live_shares": (
        "live units, live edges",
        "Shares of the units, or hidden units, and of the edges that are on an input→output path.",
    ),
    "ami_over_time": (
        "agreement over time",
        "AMI of the modules with those of the step before, of the last step, and of a second run "
        "on the same network, which says what the others are to be read by.",
    ),
    "flow_hierarchy": (
        "flow hierarchy",
        "The share of the edges between modules that are on no circle of modules; 1 = no circle.",
    ),
    "trophic": (
        "trophic incoherence",
        "How unevenly links climb the levels of the modules: 0 if each climbs one level. Undefined "
        "(–) where no module feeds another.",
    ),
    "verdict": (
        "verdict",
        "Modular, weak, unstable, chance or untested, by p, effect size and stability.",
    ),
    "failed": ("not analysed", "The model could not be read or analysed; the others were."),
    "feature": (
        "feature",
        "A number of a network that no order of its units changes; means are over a group.",
    ),
    "energy": (
        "energy distance",
        "How far apart the groups are in all features, each divided by its standard deviation over "
        "both; 0 = equal.",
    ),
    "group_p": (
        "p of groups",
        "The share of the divisions of all networks into two such groups that are as far apart, in "
        "all features or in one.",
    ),
    "divisions": (
        "divisions",
        "How many of them were looked at; p is at least one over it, or two over it if all were "
        "and the groups are of one size.",
    ),
    "hedges": (
        "Hedges' g",
        "The difference of the means, second minus first, in standard deviations within the "
        "groups, with its 95 % interval for large samples.",
    ),
    "step_down": (
        "adjusted p",
        "p for as many features as are compared (step-down max-T): the chance of any false one.",
    ),
    "parameters": ("parameters", "Kept weights, each once however many edges share it."),
}
