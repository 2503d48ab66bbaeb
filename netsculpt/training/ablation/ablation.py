"""What the loss is without each weight of a net, exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.progress import Progress, silent
from netsculpt.nets.frozen import double, frozen_copy
from netsculpt.nets.masking import LayerParameter
from netsculpt.training.ablation import one_channel, other_layers, recurrent
from netsculpt.training.ablation.chain import chain_of
from netsculpt.training.ablation.course import Course, about, saving
from netsculpt.training.ablation.forward import Forward, forward
from netsculpt.training.fitting.batches import Batches

__all__ = ["Ablation", "ablation"]

_STAGE = "ablation"
_AT_ONCE = 512  # samples
_AS_GIVEN: Mapping[str, Any] = MappingProxyType({})
_Blocks = Iterator[tuple[Tensor, Tensor]]  # places in a weight, and changes


@dataclass(frozen=True, eq=False)
class Ablation:
    """Changes of a mean loss without each weight of a net, one at a time."""

    changes: dict[str, Tensor]  # by parameter, float64 of its shape; 0 where pruned
    loss: float  # with all weights
    ways: dict[str, str]  # how each parameter was ablated: "rank one", "replicas" or "loop"


@torch.no_grad()
def ablation(
    net: nn.Module,
    batches: Batches,
    *,
    checkpoint: Path | None = None,
    drawn: Mapping[str, Any] = _AS_GIVEN,
    progress: Progress | None = None,
) -> Ablation:
    r"""Change of the mean loss without each kept weight, exactly: :math:`L(w - w_q e_q) - L(w)`.

    A weight of a linear layer or a convolution changes one channel before the next layer, and only
    what follows from that is computed: a change of rank one, in those samples in which there is
    any. In the last layer one logit changes. A weight of an LSTM or GRU acts at every step, so
    copies of the sequence run side by side, each without one weight.

    Parameters
    ----------
    net
        Any net; left as it is. `nn.Sequential`, nested or not, is followed layer by layer. For
        weights inside other layers, these and all that follow are called once for each weight,
        which is slow: `Ablation.ways` then says "loop".
    batches
        Samples, and a mean loss. The cross-entropies of `netsculpt.training.tasks` and of torch
        are recognised; other losses are called once for each weight.
    checkpoint
        A file in which what is known is saved every few seconds. If it exists, it is continued
        from there, to the same bits.
    drawn
        How the samples were drawn: what a checkpoint of other samples is told by, JSON-able.
    progress
        Called with kept weights done and all of them, over all batches.

    Raises
    ------
    FormatError
        If the loss is not a finite number, or `checkpoint` is of another net or of other samples.
    BusyError
        If another process has `checkpoint` in use.

    Notes
    -----
    In float64 and eval mode: norms use their running statistics, dropout drops nothing. Between
    linear layers of n₀, n₁, … units, a weight of layer l costs :math:`n_{l+1} + \sum_{m > l}
    n_m n_{m+1}` a sample, and less where connections are pruned. Memory: the activations of 512
    samples, and blocks of some MB.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
    >>> one = [(torch.eye(2), torch.tensor([[1.0], [2.0]]))]
    >>> ablation(net, Batches(one, torch.nn.functional.mse_loss)).changes["weight"].tolist()
    [[0.5, 2.0]]
    """
    report = progress or silent
    frozen = frozen_copy(net)
    chain = chain_of(frozen)
    entries = [entry for link in chain.links for entry in link.weights]
    course = Course({entry.name: _kept(entry) for entry in entries})
    parts = list(_parts(batches, split=len(chain.links) > 1))
    total = len(parts) * course.n_kept
    with saving(course, checkpoint, {**drawn, **about(frozen, batches)}) as save_now_and_then:
        for inputs, targets in parts[course.n_parts :]:
            passed = forward(chain, batches.loss, inputs, targets)
            share = len(inputs) / batches.n_samples
            if not math.isfinite(passed.loss.mean):
                raise FormatError(
                    f"the loss of the net is {passed.loss.mean}: a finite one is needed to change"
                )
            for number, link in enumerate(chain.links):
                for entry in link.weights:
                    left = course.left(entry.name)
                    course.ways[entry.name], blocks = _changes(passed, number, entry, left)
                    for places, found in blocks:
                        course.add(entry.name, places, share * found)
                        report(_STAGE, course.n_done, total)
                        save_now_and_then()
            course.end_part(share * passed.loss.mean)
    return Ablation(course.changes, course.loss, course.ways)


def _changes(
    done: Forward, number: int, entry: LayerParameter, kept: Tensor
) -> tuple[str, _Blocks]:
    """How a weight is ablated, and the changes."""
    layer, inputs = done.chain.links[number].layer, done.values[number]
    if entry.layer is layer and one_channel.feeds_one_channel(layer, inputs):
        return "rank one", one_channel.changes(done, number, kept)
    if entry.layer is layer and recurrent.is_recurrent(layer, inputs):
        return "replicas", recurrent.changes(done, number, entry.leaf, kept)
    return "loop", other_layers.changes(done, number, entry.parameter, kept)


def _kept(entry: LayerParameter) -> Tensor:
    if entry.mask is None:
        return torch.ones_like(entry.parameter, dtype=torch.bool)
    return entry.mask


def _parts(batches: Batches, *, split: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches; in parts of at most 512 samples where no sample depends on another."""
    for inputs, targets in batches:
        at_once = _AT_ONCE if split else len(inputs)
        pairs = zip(torch.split(inputs, at_once), torch.split(targets, at_once), strict=True)
        yield from ((x.double(), double(y)) for x, y in pairs)
