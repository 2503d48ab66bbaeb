"""What every pruning is held against: masks that were shuffled, other weights, the worst ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.masks import zero_pruned
from netsculpt.training.fitting.batches import Batches

__all__ = ["Score", "inverted", "reinitialised", "shuffled"]

Score = Callable[..., dict[str, Tensor]]


def shuffled(masks: Mapping[str, Tensor], *, rng: RNG = None) -> dict[str, Tensor]:
    """Masks of the same counts, layer by layer, whose places are drawn at random.

    What a pruner knows beyond the density of each layer is lost. Single weights are shuffled, also
    where whole kernels or units were kept. Frankle, Dziugaite, Roy and Carbin, arXiv:2009.08576.

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
    """Copy a net and let its layers draw their parameters anew; its masks stay.

    What a pruner knows about the weights it has kept is lost. Every layer draws as it does when it
    is built, by its ``reset_parameters``; `netsculpt.nets.initialisations` draw otherwise.

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
    clone = copy.deepcopy(net)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(root_seed(rng) % 2**63)
        for name, layer in clone.named_modules():
            reset = getattr(layer, "reset_parameters", None)
            if reset is not None:
                reset()
            elif next(layer.parameters(recurse=False), None) is not None:
                raise FormatError(
                    f"layer {name!r} ({type(layer).__name__}) cannot draw its parameters anew: "
                    "give it a method reset_parameters, or build the net again"
                )
    zero_pruned(clone)
    return clone


def inverted(score: Score) -> Score:
    """The same score with its sign turned: what is best is pruned first.

    It is called "inverted …" and prunes over as many rounds as the score itself.

    >>> from netsculpt.training.pruning.scores import magnitude
    >>> net = nn.Linear(1, 1)
    >>> _ = net.weight.data.fill_(-3.0)
    >>> inverted(magnitude)(net)
    {'weight': tensor([[-3.]])}
    """
    turned = partial(_turned, score)
    update_wrapper(turned, score)
    turned.__name__ = f"inverted {getattr(score, '__name__', 'score')}"  # type: ignore[attr-defined]
    return turned


def _turned(
    score: Score, net: nn.Module, batches: Batches | None = None, *, rng: RNG = None
) -> dict[str, Tensor]:
    return {name: -x for name, x in score(net, batches, rng=rng).items()}
