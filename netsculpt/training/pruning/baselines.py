"""Baselines for every pruning: shuffled masks, other weights, the worst weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps

import torch
from torch import Tensor, nn

from netsculpt.core.callables import innermost
from netsculpt.core.catalog import named
from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masking import layer_parameters
from netsculpt.nets.masks import zero_pruned
from netsculpt.training.fitting.batches import Batches

__all__ = ["Score", "inverted", "reinitialised", "shuffled", "with_shuffled_weights"]

Score = Callable[..., dict[str, Tensor]]


def shuffled(masks: Mapping[str, Tensor], *, rng: RNG = None) -> dict[str, Tensor]:
    """Masks with the same number of kept weights in each layer, in random places.

    Only the densities of the layers are left of the pruning. Single weights are shuffled, even if
    whole kernels or units were kept. Frankle, Dziugaite, Roy and Carbin, arXiv:2009.08576.

    >>> masks = {"fc1.weight": torch.arange(12).reshape(3, 4) < 5}
    >>> other = shuffled(masks, rng=0)["fc1.weight"]
    >>> int(other.sum()), torch.equal(other, masks["fc1.weight"])
    (5, False)
    """
    seed = root_seed(rng)
    orders = {
        name: torch.from_numpy(stream(seed, "shuffled", name).permutation(mask.numel()))
        for name, mask in masks.items()
    }
    return {
        name: mask.flatten()[orders[name].to(mask.device)].reshape(mask.shape)
        for name, mask in masks.items()
    }


def reinitialised(net: nn.Module, *, rng: RNG = None) -> nn.Module:
    """Copy a net and let its layers draw new parameters; its masks stay.

    Only the places of the kept weights are left of the pruning. Every layer draws as it does when
    it is built, by its ``reset_parameters``, after the layers within it.
    `netsculpt.nets.initialisations` offers other draws.

    Raises
    ------
    FormatError
        If a layer has parameters, but no ``reset_parameters``.

    Examples
    --------
    >>> net = nn.Linear(2, 2)
    >>> other = reinitialised(net, rng=0)
    >>> torch.equal(net.weight, other.weight)
    False
    """
    clone = copy_of(net)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(root_seed(rng) % 2**63)
        for name, layer in _parts_first(clone):
            reset = getattr(layer, "reset_parameters", None)
            if reset is not None:
                reset()
            elif next(layer.parameters(recurse=False), None) is not None:
                raise FormatError(
                    f"layer {name!r} ({type(layer).__name__}) cannot draw new parameters: "
                    "give it a method reset_parameters, or build the net again"
                )
    zero_pruned(clone)
    return clone


def with_shuffled_weights(net: nn.Module, *, rng: RNG = None) -> nn.Module:
    """Copy a net and deal the values of each parameter out again among its kept places.

    What is left of the training is where weights are, and how large they are in each parameter.
    Biases and the factors of norms are dealt out too.

    >>> net = nn.Linear(3, 1, bias=False)
    >>> other = with_shuffled_weights(net, rng=0)
    >>> bool((net.weight.sort().values == other.weight.sort().values).all())
    True
    """
    clone, seed = copy_of(net), root_seed(rng)
    with torch.no_grad():
        for entry in layer_parameters(clone):
            values = entry.parameter
            kept = torch.ones_like(values, dtype=torch.bool) if entry.mask is None else entry.mask
            order = stream(seed, "shuffled weights", entry.name).permutation(int(kept.sum()))
            values[kept] = values[kept][torch.from_numpy(order).to(values.device)]
    zero_pruned(clone)
    return clone


def _parts_first(net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a net in the order in which they are built: each after those within it."""
    depth = {name: name.count(".") + bool(name) for name, _ in net.named_modules()}
    waiting: list[tuple[str, nn.Module]] = []
    for name, layer in net.named_modules():
        while waiting and depth[waiting[-1][0]] >= depth[name]:
            yield waiting.pop()
        waiting.append((name, layer))
    yield from reversed(waiting)


def inverted(score: str | Score) -> Score:
    """The same score with its sign turned: the best weights are pruned first.

    It is called "inverted …" and prunes over as many rounds as the score itself.

    >>> net = nn.Linear(1, 1)
    >>> _ = net.weight.data.fill_(-3.0)
    >>> inverted("magnitude")(net)
    {'weight': tensor([[-3.]])}
    """
    original: Score = named("scores", score) if isinstance(score, str) else score

    @wraps(innermost(original))
    def turned(
        net: nn.Module, batches: Batches | None = None, *, rng: RNG = None
    ) -> dict[str, Tensor]:
        return {name: -values for name, values in original(net, batches, rng=rng).items()}

    turned.__name__ = f"inverted {getattr(original, '__name__', 'score')}"
    return turned
