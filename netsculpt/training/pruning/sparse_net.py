"""From masks to a sparse net: baselines, repair and fan-in correction in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masks import mask_net
from netsculpt.training.pruning.baselines import shuffled
from netsculpt.training.pruning.fan_in import fan_in_corrected
from netsculpt.training.pruning.repair import repaired
from netsculpt.training.pruning.report import Pruned, pruning_report

__all__ = ["SparseNet", "sparse_net"]


@dataclass(frozen=True, eq=False)
class SparseNet:
    """A net with its masks, and how it was pruned."""

    net: nn.Module
    pruned: Pruned  # masks, report and details are those of the net


def sparse_net(
    net: nn.Module,
    pruned: Pruned,
    example: Tensor | tuple[Tensor, ...] | None = None,
    *,
    shuffle: bool = False,
    redraw: Callable[..., nn.Module] | None = None,
    repair: bool = False,
    correct_fan_in: bool = False,
    rng: RNG = None,
) -> SparseNet:
    """Copy a net with the masks of a pruning, or with what a baseline leaves of it.

    Parameters
    ----------
    net
        The net that was pruned; left as it is.
    pruned
        The result of `prune` or `phew`.
    example
        An input, batch first, for the repair and for the report on new masks.
    shuffle
        Whether to shuffle the masks in each layer: `netsculpt.training.shuffled`.
    redraw
        ``(net, *, rng) -> net`` with other weights: `netsculpt.training.reinitialised`, or one of
        `netsculpt.nets.initialisations`.
    repair
        Whether to reconnect what is cut off, by the weights of this net:
        `netsculpt.training.repaired`.
    correct_fan_in
        Whether to scale the weights: `netsculpt.training.fan_in_corrected`.
    rng
        Seed or generator. Same seed, same bytes.

    Raises
    ------
    FormatError
        If there is no example for the repair.

    Examples
    --------
    >>> import torch
    >>> from netsculpt.training import phew
    >>> net, example = nn.Sequential(nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 3)), torch.zeros(1, 9)
    >>> pruned = phew(net, example, 0.2, rng=0)
    >>> control = sparse_net(net, pruned, example, shuffle=True, rng=0)
    >>> control.pruned.report.weights.kept == pruned.report.weights.kept
    True
    """
    seed = root_seed(rng)
    masks, details = pruned.masks, dict(pruned.details)
    if shuffle:
        masks = shuffled(masks, rng=stream(seed, "shuffled"))
    sparse = copy_of(net) if redraw is None else redraw(net, rng=stream(seed, "reinitialised"))
    if repair:
        if example is None:
            raise FormatError("a repair traces the net: give an example input")
        mended = repaired(sparse, masks, example)
        masks, details["repair"] = mended.masks, mended.summary()
    mask_net(sparse, masks)
    if correct_fan_in:
        sparse = fan_in_corrected(sparse)
    report = pruned.report
    if shuffle or redraw is not None or repair:
        report = pruning_report(sparse, masks, example)
    return SparseNet(sparse, replace(pruned, masks=masks, report=report, details=details))
