"""From one partition to the beliefs that explain the network best, and what they are worth."""

from __future__ import annotations

from itertools import combinations
from math import lgamma, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from netsculpt.modules.detectors._mdl.beliefs import (
    counted,
    edges_between,
    edges_inside,
    improve,
    label_price,
    module_mass,
)
from netsculpt.modules.detectors._mdl.fitting import Odds, fitted
from netsculpt.modules.detectors._mdl.network import Network

__all__ = ["Beliefs", "Form", "certain", "climb", "merged"]

_SWEEPS, _GAIN, _STILL = 60, 1e-3, 1e-3  # at most; nats, and change of a belief, that end a climb
_WORK, _FEW = 5e8, 4  # edges · modules · sweeps in one climb, but at least so many sweeps
_LARGE_WORK, _LARGE_FIT = 4e6, 3  # in larger networks odds are fitted after every third sweep
_EMPTY = 0.5  # units; a module with fewer is dropped
_LOSS, _LOST = 100.0, 0.1  # nats, and of the evidence, that a merger may lose at first
_NEAR, _TRIED = 4, 3  # mergers that are priced, per module, and that are climbed from


class Form(NamedTuple):
    """What is left free in the model."""

    by_layer: bool  # shares of the modules, in every layer; else all modules are equally likely
    shared: bool  # one odds ratio for all blocks; else one for each


class Beliefs(NamedTuple):
    """A description of the network by B modules."""

    evidence: float  # nats beyond a network without modules, a lower bound
    shares: NDArray[np.float64]  # [n, B] probability of each module for each unit
    feeds: NDArray[np.float64]  # [B, B] 1 where edges from one to the other are likelier
    allowed: NDArray[np.bool_]  # [L, B] modules that may have units in each layer
    form: Form
    odds: Any


def certain(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Beliefs without doubt [n, B] in these labels."""
    _, which = np.unique(labels, return_inverse=True)
    return np.eye(int(which.max(initial=0)) + 1)[which]


def climb(
    network: Network,
    shares: NDArray[np.float64],
    form: Form,
    feeds: NDArray[np.float64] | None = None,
    allowed: NDArray[np.bool_] | None = None,
    most_sweeps: int = _SWEEPS,
) -> Beliefs:
    """Improve beliefs [n, B] until nothing is gained; modules that end empty are dropped.

    `feeds` None: modules feed themselves only. `allowed` None: every module in every layer.
    """
    while True:
        beliefs = _climb(network, shares, form, feeds, allowed, most_sweeps)
        kept = beliefs.shares.sum(axis=0) >= _EMPTY
        if kept.all():
            return beliefs
        shares = np.ascontiguousarray(beliefs.shares[:, kept])
        shares /= shares.sum(axis=1, keepdims=True)
        feeds = None if feeds is None else feeds[np.ix_(kept, kept)]
        allowed = None if allowed is None else np.ascontiguousarray(allowed[:, kept])


def merged(network: Network, beliefs: Beliefs) -> Beliefs:
    """Merge modules two by two while that raises the evidence."""
    while True:
        best = beliefs
        for one, other in _mergers(network, beliefs):
            shares = np.delete(beliefs.shares, other, axis=1)
            shares[:, one] += beliefs.shares[:, other]
            tried = climb(network, shares, beliefs.form)
            if tried.evidence > best.evidence + _GAIN:
                best = tried
        if best is beliefs:
            return beliefs
        beliefs = best


def _mergers(network: Network, beliefs: Beliefs) -> list[tuple[int, int]]:
    """The few pairs of modules (one < other) that lose least by a merger, before any climbing.

    Those that lose far more than climbing could make good are left out.
    """
    form, n_modules = beliefs.form, beliefs.shares.shape[1]
    between = edges_between(network, beliefs.shares)
    counts = counted(network, beliefs.shares)
    mass = module_mass(network, beliefs.shares)
    inside = np.einsum("pcc->p", between)
    pairs = np.ascontiguousarray(counts[0] @ counts[1].transpose(0, 2, 1))
    degree = between.sum(axis=(0, 1)) + between.sum(axis=(0, 2))
    joint = between.sum(axis=0) / np.maximum(np.outer(degree, degree), 1e-300)
    joint = joint + joint.T
    near = sorted(combinations(range(n_modules), 2), key=lambda pair: -joint[pair])
    before = beliefs.odds.explained - beliefs.odds.price
    least = before - _LOSS - _LOST * max(beliefs.evidence, 0.0)
    values = []
    for one, other in near[: _NEAR * n_modules]:
        crossed = np.einsum("px,py->pxy", counts[0, :, :, one], counts[1, :, :, other])
        crossed += np.einsum("px,py->pxy", counts[0, :, :, other], counts[1, :, :, one])
        more = between[:, one, other] + between[:, other, one]
        odds, _ = fitted(network, inside + more, pairs + crossed, form.shared, 0.0)
        value = odds.explained - odds.price
        if form.by_layer:  # the only price of labels that depends on which two are merged
            joined = mass[:, one] + mass[:, other]
            value += float((gammaln(1 + joined) - gammaln(1 + mass[:, [one, other]]).sum(1)).sum())
        if value > least:
            values.append((value, (one, other)))
    return [pair for _, pair in sorted(values, reverse=True)[:_TRIED]]


def _climb(
    network: Network,
    shares: NDArray[np.float64],
    form: Form,
    feeds: NDArray[np.float64] | None,
    allowed: NDArray[np.bool_] | None,
    most_sweeps: int,
) -> Beliefs:
    n_modules = shares.shape[1]
    plain = feeds is None
    price = 0.0 if feeds is None else _pattern_price(feeds)
    feeds = np.eye(n_modules) if feeds is None else feeds
    if allowed is None:
        allowed = np.ones((network.n_layers, n_modules), dtype=np.bool_)
    price += _layer_price(allowed[network.layers])
    mass, counts = module_mass(network, shares), counted(network, shares)
    odds, ratio = _fit(network, shares, counts, feeds, plain, form, 0.0)
    label = label_price(shares, mass, form.by_layer, allowed)
    evidence = odds.explained - odds.price - label - price
    work = 2.0 * network.ends_out.size * n_modules
    n_sweeps = min(most_sweeps, max(_FEW, int(_WORK / max(work, 1.0))))
    every = _LARGE_FIT if work > _LARGE_WORK else 1
    for sweep in range(n_sweeps):
        back = sweep % 2 == 1
        change = improve(
            network, shares, mass, counts, feeds, plain, odds, form.by_layer, allowed, back
        )
        if (sweep + 1) % every and sweep + 1 < n_sweeps and change >= _STILL:
            continue
        odds, ratio = _fit(network, shares, counts, feeds, plain, form, ratio)
        label = label_price(shares, mass, form.by_layer, allowed)
        before, evidence = evidence, odds.explained - odds.price - label - price
        if change < _STILL or (sweep > 2 and evidence - before < _GAIN):
            break
    return Beliefs(float(evidence), shares, feeds, allowed, form, odds)


def _fit(
    network: Network,
    shares: NDArray[np.float64],
    counts: NDArray[np.float64],
    feeds: NDArray[np.float64],
    plain: bool,
    form: Form,
    ratio: float,
) -> tuple[Odds, float]:
    inside = edges_inside(network, shares, feeds, plain)
    there = counts[1] if plain else counts[1] @ feeds.T
    pairs = np.ascontiguousarray(counts[0] @ there.transpose(0, 2, 1))
    odds, ratio = fitted(network, inside, pairs, form.shared, ratio)
    return odds, ratio


def _pattern_price(feeds: NDArray[np.float64]) -> float:
    """Nats of a pattern [B, B]: that it is given at all, how many entries are on, and which."""
    n, on = feeds.size, int(feeds.sum())
    return log(2.0) + log(n + 1) + lgamma(n + 1) - lgamma(on + 1) - lgamma(n - on + 1)


def _layer_price(allowed: NDArray[np.bool_]) -> float:
    """Nats to say how many modules each layer may have, and which; none if it may have all."""
    if allowed.all():
        return 0.0
    n, here = allowed.shape[1], allowed.sum(axis=1)
    which = gammaln(n + 1) - gammaln(here + 1) - gammaln(n - here + 1)
    return float(which.sum() + allowed.shape[0] * log(n))
