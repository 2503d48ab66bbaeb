"""Modules that feed other modules: a pattern of which feeds which, instead of "each itself".

Where one module feeds another, units along the way can only be told apart if they bear different
labels. So the modules found are cut in two at some depth, the pattern that explains the edges
between all parts is read off, and parts that need not be apart are merged again. That is repeated
while it explains more than the pattern and the labels cost.
"""

from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
from numpy.typing import NDArray

from netsculpt.modules.detectors._mdl.beliefs import (
    counted,
    edges_between,
    module_mass,
)
from netsculpt.modules.detectors._mdl.climbing import Beliefs, Form, climb
from netsculpt.modules.detectors._mdl.network import Network

__all__ = ["fed"]

_GAIN = 1e-3  # nats
_CUTS, _TRIED = 24, 3  # depths at most, and how many of them, or of mergers, are climbed from
_ROUNDS, _UPDATES = 4, 3  # of cuts; of the pattern in turn with the beliefs
_MOST_MODULES, _MOST_NAMES = 24, 1_000  # names: layers · modules²
_PRESENT = 0.5  # units of a module in a layer, from which on it may have units there


def fed(network: Network, beliefs: Beliefs) -> Beliefs:
    """The best description by modules that feed each other, or the given one if none is better."""
    best = beliefs
    for _ in range(_ROUNDS):
        if best.shares.shape[1] > _MOST_MODULES:
            break
        tried = [_renamed(network, _joined(network, cut)) for cut in _cut(network, best)]
        better = max([best, *tried], key=lambda one: one.evidence)
        if better.evidence <= best.evidence + _GAIN:
            break
        best = better
    return best


def _cut(network: Network, beliefs: Beliefs) -> list[Beliefs]:
    """All modules cut after a depth, with the pattern of their parts; the best few depths."""
    layers = network.layers
    ends = layers[1:-1] if layers.size > 2 else layers[1:]
    if ends.size > _CUTS:
        ends = ends[np.linspace(0, ends.size - 1, _CUTS).astype(int)]
    # Parts are confined to some layers, which equal chances of all modules could not describe.
    form = Form(True, beliefs.form.shared)
    starts = []
    for end in ends:
        deep = (network.layer >= end)[:, None]
        shares = np.concatenate([beliefs.shares * ~deep, beliefs.shares * deep], axis=1)
        shares = np.ascontiguousarray(shares[:, shares.sum(axis=0) > 0])
        starts.append(_described(network, shares, form, beliefs, sweeps=0))
    starts.sort(key=lambda one: -one.evidence)
    return [_settled(network, one) for one in starts[:_TRIED]]


def _joined(network: Network, beliefs: Beliefs) -> Beliefs:
    """Merge parts two by two while that explains more."""
    best = beliefs
    while best.shares.shape[1] > 2:
        merged = []
        for one, other in combinations(range(best.shares.shape[1]), 2):
            shares = np.delete(best.shares, other, axis=1)
            shares[:, one] += best.shares[:, other]
            merged.append(_described(network, shares, best.form, best, sweeps=0))
        merged.sort(key=lambda one: -one.evidence)
        tried = [_settled(network, one) for one in merged[:_TRIED]]
        better = max([best, *tried], key=lambda one: one.evidence)
        if better.evidence <= best.evidence + _GAIN:
            break
        best = better
    return best


def _renamed(network: Network, beliefs: Beliefs) -> Beliefs:
    """Exchange the names of two modules in one layer, or from it on, while that explains more.

    Which part goes by which name in which layer decides how many entries the pattern needs.
    """
    best = beliefs
    for _ in range(_ROUNDS):
        n_modules = best.shares.shape[1]
        if network.layers.size * n_modules**2 > _MOST_NAMES:
            break
        tried = [best]
        for layer in network.layers[1:]:
            for where in (network.layer == layer, network.layer >= layer):
                for one, other in combinations(range(n_modules), 2):
                    shares = best.shares.copy()
                    shares[np.ix_(where, [one, other])] = best.shares[np.ix_(where, [other, one])]
                    if not (shares == best.shares).all():
                        tried.append(_described(network, shares, best.form, best, sweeps=0))
        better = max(tried, key=lambda one: one.evidence)
        if better.evidence <= best.evidence + _GAIN:
            break
        best = _settled(network, better)
    return best


def _settled(network: Network, beliefs: Beliefs) -> Beliefs:
    """Improve beliefs, and the pattern by them, in turn."""
    best = climb(network, beliefs.shares.copy(), beliefs.form, beliefs.feeds, beliefs.allowed)
    for _ in range(_UPDATES):
        tried = _described(network, best.shares.copy(), best.form, best)
        if tried.evidence <= best.evidence + _GAIN:
            break
        best = tried
    return best


def _described(
    network: Network,
    shares: NDArray[np.float64],
    form: Form,
    known: Beliefs,
    sweeps: int | None = None,
) -> Beliefs:
    """A description with these beliefs, and the pattern that is best at the odds known so far."""
    feeds = _pattern(network, shares, known)
    allowed = module_mass(network, shares) >= _PRESENT
    shares = shares * allowed[network.layer]
    shares /= shares.sum(axis=1, keepdims=True)
    if sweeps is None:
        return climb(network, shares, form, feeds, allowed)
    return climb(network, shares, form, feeds, allowed, most_sweeps=sweeps)


def _pattern(network: Network, shares: NDArray[np.float64], known: Beliefs) -> NDArray[np.float64]:
    """The entries [B, B] that gain more than it takes to name them."""
    link = known.odds.inside - known.odds.outside
    gain = np.einsum("p,pcd->cd", link, edges_between(network, shares))
    source, target = counted(network, shares)
    gain -= np.einsum("pxc,pxy,pyd->cd", source, known.odds.gap[0], target, optimize=True)
    return np.asarray(gain > log(shares.shape[1]), dtype=np.float64)
