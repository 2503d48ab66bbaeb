"""Changes of a ReLU net that keep what it computes on its truth table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from modbench1.relu_net import ReluNet
from netsculpt.graph.partition import NO_MODULE

__all__ = ["DISGUISES", "fine_tuned"]

Inputs = NDArray[np.bool_]  # [n, n_in] the truth table
Disguise = Callable[[ReluNet, Inputs, np.random.Generator], ReluNet]

_SCALE = 1.0  # σ of the lognormal factors of units
_NOISE = 0.02  # σ of the change of each weight, as a share of it
_EXTRA = 0.3  # extra edges, as a share of the edges
_WEAK = 0.02  # most of what an extra edge adds to its unit, as a share of the unit's weights
_SILENT = 0.15  # silent units, as a share of the hidden units
_TWINS = 0.25  # doubled hidden units
_STEPS, _RATE, _L1 = 150, 0.01, 0.003  # of fine-tuning


def permuted(net: ReluNet, inputs: Inputs, rng: np.random.Generator) -> ReluNet:  # noqa: ARG001
    """Hidden units of each layer in another order."""
    weights, biases, labels = list(net.weights), list(net.biases), list(net.labels)
    for layer in range(len(weights) - 1):
        order = rng.permutation(biases[layer].size)
        weights[layer], biases[layer] = weights[layer][order], biases[layer][order]
        weights[layer + 1] = weights[layer + 1][:, order]
        labels[layer + 1] = labels[layer + 1][order]
    return ReluNet(tuple(weights), tuple(biases), tuple(labels))


def rescaled(net: ReluNet, inputs: Inputs, rng: np.random.Generator) -> ReluNet:  # noqa: ARG001
    """Hidden units whose incoming weights are c times, and outgoing ones 1/c times, as large."""
    weights, biases = list(net.weights), list(net.biases)
    for layer in range(len(weights) - 1):
        factor = np.exp(_SCALE * rng.standard_normal(biases[layer].size))
        weights[layer] = weights[layer] * factor[:, None]
        biases[layer] = biases[layer] * factor
        weights[layer + 1] = weights[layer + 1] / factor
    return ReluNet(tuple(weights), tuple(biases), net.labels)


def doubled(net: ReluNet, inputs: Inputs, rng: np.random.Generator) -> ReluNet:  # noqa: ARG001
    """Some hidden units twice; the two share the outgoing weight unevenly."""
    weights, biases, labels = list(net.weights), list(net.biases), list(net.labels)
    for layer in range(len(weights) - 1):
        twins = np.flatnonzero(rng.random(biases[layer].size) < _TWINS)
        share = rng.uniform(0.3, 0.7, twins.size)
        weights[layer] = np.concatenate([weights[layer], weights[layer][twins]])
        biases[layer] = np.concatenate([biases[layer], biases[layer][twins]])
        labels[layer + 1] = np.concatenate([labels[layer + 1], labels[layer + 1][twins]])
        outgoing = weights[layer + 1].copy()
        second = outgoing[:, twins] * (1 - share)
        outgoing[:, twins] *= share
        weights[layer + 1] = np.concatenate([outgoing, second], axis=1)
    return ReluNet(tuple(weights), tuple(biases), tuple(labels))


def silent(net: ReluNet, inputs: Inputs, rng: np.random.Generator) -> ReluNet:
    """Further hidden units that read and feed one to three units each, and are never active.

    They serve no function, so they have no module.
    """
    for layer in range(len(net.weights) - 1):
        below = net.activations(inputs)[layer]
        weights, biases, labels = list(net.weights), list(net.biases), list(net.labels)
        n_new = max(1, round(_SILENT * biases[layer].size))
        incoming = _edges(n_new, weights[layer].shape[1], rng)
        outgoing = _edges(n_new, weights[layer + 1].shape[0], rng).T
        bias = -(below @ incoming.T).max(axis=0) - 0.5
        weights[layer] = np.concatenate([weights[layer], incoming])
        biases[layer] = np.concatenate([biases[layer], bias])
        labels[layer + 1] = np.concatenate([labels[layer + 1], np.full(n_new, NO_MODULE)])
        weights[layer + 1] = np.concatenate([weights[layer + 1], outgoing], axis=1)
        net = ReluNet(tuple(weights), tuple(biases), tuple(labels))
    return net


def _edges(n_units: int, n_ends: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights [n_units, n_ends] of one to three edges of each unit."""
    weights = np.zeros((n_units, n_ends))
    for row in weights:
        ends = rng.permutation(n_ends)[: rng.integers(1, 4)]
        row[ends] = rng.normal(0, 1.5, ends.size)
    return weights


def noisy(net: ReluNet, inputs: Inputs, rng: np.random.Generator) -> ReluNet:
    """Weak extra edges at random places, and noise on every weight.

    Both are halved until no answer changes.
    """
    answers = net(inputs)
    values = net.activations(inputs)
    changes = []
    for weight, source in zip(net.weights, values, strict=False):
        places = np.argwhere(weight == 0)
        n_extra = min(len(places), round(_EXTRA * np.count_nonzero(weight)))
        rows, columns = places[rng.permutation(len(places))[:n_extra]].T
        change = weight * _NOISE * rng.standard_normal(weight.shape)
        reach = np.abs(weight).max(axis=1)[rows] / np.maximum(source.max(axis=0)[columns], 1e-9)
        strength = rng.uniform(0.3, 1, n_extra) * rng.choice([-1, 1], n_extra)
        change[rows, columns] = _WEAK * reach * strength
        changes.append(change)
    share = 1.0
    while True:
        weights = tuple(w + share * x for w, x in zip(net.weights, changes, strict=True))
        other = ReluNet(weights, net.biases, net.labels)
        if np.array_equal(other(inputs), answers):
            return other
        share /= 2


def fine_tuned(net: ReluNet, inputs: Inputs, rng: np.random.Generator) -> ReluNet:  # noqa: ARG001
    """Weights after training on the truth table with an L1 penalty, edges fixed.

    The last state in which every answer is right.
    """
    answers = net(inputs)
    x, y = (torch.from_numpy(part.astype(np.float64)) for part in (inputs, answers))
    masks = [torch.from_numpy(weight != 0) for weight in net.weights]
    weights = [torch.from_numpy(x.copy()).requires_grad_() for x in net.weights]
    biases = [torch.from_numpy(x.copy()).requires_grad_() for x in net.biases]
    optimizer = torch.optim.Adam([*weights, *biases], lr=_RATE)
    kept = net
    for _ in range(_STEPS):
        value = x
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            value = (torch.relu(value) if layer else value) @ weight.T + bias
        loss = torch.nn.functional.softplus(-4 * (2 * y - 1) * value).mean()
        loss = loss + _L1 * torch.stack([weight.abs().sum() for weight in weights]).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for weight, mask in zip(weights, masks, strict=True):
            assert weight.grad is not None
            weight.grad *= mask
        optimizer.step()
        now = ReluNet(
            tuple(w.detach().numpy().copy() for w in weights),
            tuple(b.detach().numpy().copy() for b in biases),
            net.labels,
        )
        kept = now if np.array_equal(now(inputs), answers) else kept
    return kept


DISGUISES: Mapping[str, tuple[Disguise, ...]] = MappingProxyType(
    {
        "plain": (permuted,),
        "rescaled": (rescaled, permuted),
        "resynthesised": (rescaled, permuted),  # of a circuit with other gates
        "redundant": (doubled, silent, rescaled, permuted),
        "noisy": (noisy, rescaled, permuted),
        "fine-tuned": (fine_tuned, rescaled, permuted),
        "all": (doubled, silent, fine_tuned, noisy, rescaled, permuted),
    }
)
