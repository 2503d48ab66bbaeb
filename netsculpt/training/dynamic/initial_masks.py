"""Masks to begin with that are not random throughout: ``(shape, n, generator, …) -> mask``."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.choosing import apportioned
from netsculpt.nets.masks import mask_net
from netsculpt.training.dynamic import processes
from netsculpt.training.dynamic.selection import drawn, highest
from netsculpt.training.dynamic.starting import Allocation, allocation_of, trained_weights

__all__ = ["Draw", "by_correlation", "masked", "receptive_fields", "uniform"]

Draw = Callable[[str, tuple[int, ...], int, torch.Generator], Tensor]  # name, shape, n kept


def masked(
    net: nn.Module,
    draw: Draw,
    *,
    density: float,
    allocation: str | Allocation,
    dense: Collection[str],
    rng: RNG,
) -> int:
    """Mask a net by a draw for each weight; returns the seed, the same on every process.

    Raises
    ------
    FormatError
        If the net is pruned already.
    """
    seed = processes.agreed(root_seed(rng))
    checked_number(density, "density", least=0, most=1)
    inner = processes.unwrapped(net)
    entries = trained_weights(inner, dense)
    if any(x.mask is not None and not bool(x.mask.all()) for x in entries.values()):
        raise FormatError(
            "the net is pruned already: leave the density out to go on from its masks"
        )
    shapes = {name: tuple(x.parameter.shape) for name, x in entries.items()}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    densities = allocation_of(allocation)(shapes, density)
    counts = apportioned(densities, sizes, round(density * sum(sizes.values())), sizes)
    masks = {}
    for name, shape in shapes.items():
        number = int(stream(seed, "dynamic", "masks", name).integers(2**63))
        masks[name] = draw(name, shape, counts[name], torch.Generator().manual_seed(number))
    mask_net(inner, masks)
    return seed


def uniform(name: str, shape: tuple[int, ...], n: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    """Any n weights, each set as likely as any other."""
    mask = torch.zeros(math.prod(shape), dtype=torch.bool)
    mask[drawn(len(mask), n, generator=generator)] = True
    return mask.view(shape)


def receptive_fields(
    name: str,  # noqa: ARG001
    shape: tuple[int, ...],
    n: int,
    generator: torch.Generator,
    *,
    spread: float = 0.5,
) -> Tensor:
    r"""Bipartite receptive fields: units prefer inputs that are near them on a ring.

    Inputs and outputs lie on a ring at equal distances. n weights are drawn without replacement,
    with odds :math:`(1 + D)^{-(1 - \delta) / \delta}` at a distance of D inputs or outputs, of
    whichever are more. δ = `spread`: 0 keeps the nearest, 1 draws all alike.

    Zhang et al., arXiv:2501.19107, bipartite receptive field, where each output has its own number
    of inputs; here only their total is fixed.

    >>> masks = receptive_fields("fc", (4, 4), 4, torch.Generator().manual_seed(0), spread=0.0)
    >>> bool((masks == torch.eye(4)).all())
    True
    """
    checked_number(spread, "spread", least=0, most=1)
    n_out, n_in = shape[0], math.prod(shape[1:])
    around = max(n_out, n_in)
    outputs = torch.arange(n_out, dtype=torch.float64) * around / n_out
    inputs = torch.arange(n_in, dtype=torch.float64) * around / n_in
    apart = (outputs[:, None] - inputs).abs()
    distance = torch.minimum(apart, around - apart).reshape(-1)
    if spread == 0:
        keys = -distance
    else:
        uniform = torch.rand(n_out * n_in, dtype=torch.float64, generator=generator)
        keys = -(1 - spread) / spread * distance.log1p() - (-uniform.log()).log()
    mask = torch.zeros(n_out * n_in, dtype=torch.bool)
    mask[highest(keys, n, generator=generator)] = True
    return mask.view(shape)


def by_correlation(inputs: Tensor, n_out: int, n: int, *, rng: RNG = None) -> Tensor:
    """Mask of a first layer [out, in] that joins inputs which are correlated.

    Output o stands for input o modulo the number of inputs; the n largest absolute correlations
    between it and an input are kept, its own among them. Inputs that do not vary have none.
    Correlated sparse topological initialisation: Zhang et al., "Epitopological learning and
    Cannistraci–Hebb network shape intelligence brain-inspired theory for ultra-sparse advantage in
    deep learning", ICLR 2024.

    Parameters
    ----------
    inputs
        Samples [samples, in].
    n_out
        Outputs of the layer.
    n
        Weights to keep.
    rng
        Chooses among equal correlations.

    Examples
    --------
    >>> samples = torch.tensor([[0.0, 1.0, 5.0], [1.0, 0.0, 5.0], [2.0, 1.0, 5.0]])
    >>> by_correlation(samples, 3, 2, rng=0).int().tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    """
    if inputs.ndim != 2 or len(inputs) < 2 or not bool(torch.isfinite(inputs).all()):
        raise FormatError(
            f"inputs are {list(inputs.shape)}: two or more finite samples [samples, in] are needed"
        )
    centred = inputs.double() - inputs.double().mean(0)
    norms = centred.norm(dim=0)
    unit = torch.where(norms > 0, centred / norms.clamp(min=1e-300), 0.0)
    rows = torch.arange(n_out) % inputs.shape[1]
    scores = (unit.T @ unit).abs()[rows].reshape(-1)
    if not 0 <= n <= len(scores):
        raise FormatError(f"{n} weights are to be kept of {len(scores)}: choose fewer")
    generator = torch.Generator().manual_seed(root_seed(rng))
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[highest(scores.cpu(), n, generator=generator)] = True
    return mask.view(n_out, -1)
