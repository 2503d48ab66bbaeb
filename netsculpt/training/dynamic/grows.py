"""Scores by which weights come, the highest first: ``(entries) -> Tensor``.

Each has the shape of the weight; only candidates are read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import gradient_of, momentum_of

__all__ = [
    "ch2_l3n",
    "ch3_l3n",
    "ch3_l3p",
    "gradient",
    "history",
    "momentum",
    "random",
    "unfired",
]
__dir__ = __all__.copy


def ch2_l3n(entries: Entries) -> Tensor:
    r"""Cannistraci–Hebb score by units, more for those that share more: CH2-L3n, of the mask alone.

    :math:`\sum_z (1 + |N_u \cap N_z|) / e(u, z)` on both sides; see
    `netsculpt.training.dynamic.link_prediction`.
    """
    from netsculpt.training.dynamic.link_prediction import unit_scores

    return unit_scores(entries.kept, count_shared=True).to(entries.weight.device)


def ch3_l3n(entries: Entries) -> Tensor:
    r"""Cannistraci–Hebb score by units: CH3-L3n, of the mask alone.

    :math:`\sum_z 1 / e(u, z)` on both sides; see `netsculpt.training.dynamic.link_prediction`.
    """
    from netsculpt.training.dynamic.link_prediction import unit_scores

    return unit_scores(entries.kept, count_shared=False).to(entries.weight.device)


def ch3_l3p(entries: Entries) -> Tensor:
    r"""Cannistraci–Hebb score by paths: CH3-L3p, of the mask alone.

    :math:`\sum_{z_1 \sim z_2} (e(v, z_1) e(u, z_2))^{-1/2}`; see
    `netsculpt.training.dynamic.link_prediction`.
    """
    from netsculpt.training.dynamic.link_prediction import path_scores

    return path_scores(entries.kept).to(entries.weight.device)


def gradient(entries: Entries) -> Tensor:
    r"""The absolute dense gradient :math:`|\partial L / \partial w|`.

    Evci et al., "Rigging the lottery", arXiv:1911.11134, section 3(4).

    >>> zero = torch.zeros(2)
    >>> gradient(Entries("w", zero, zero > 0, gradient=torch.tensor([1.0, -3.0])))
    tensor([1., 3.])
    """
    return gradient_of(entries).abs()


def history(entries: Entries, *, decay: float = 0.9) -> Tensor:
    r"""The absolute mean gradient of past updates, :math:`h \leftarrow \mu h + (1 - \mu) g`.

    So one batch does not decide alone. The code of RigL takes such a mean over all steps for its
    momentum; here it is over updates, so that no other step needs a dense gradient.

    >>> zero, memory = torch.zeros(2), {}
    >>> for g in (torch.tensor([1.0, -3.0]), torch.tensor([1.0, 1.0])):
    ...     scores = history(Entries("w", zero, zero > 0, g, memory=memory), decay=0.5)
    >>> scores
    tensor([0.7500, 0.2500])
    """
    gradient = (1 - decay) * gradient_of(entries)
    past = entries.memory.get("gradient")
    entries.memory["gradient"] = gradient if past is None else decay * past + gradient
    return entries.memory["gradient"].abs()


def momentum(entries: Entries) -> Tensor:
    r"""The absolute momentum: :math:`|v|` of SGD, :math:`|m| / (\sqrt v + \epsilon)` of Adam.

    Dettmers and Zettlemoyer, arXiv:1907.04840, section 3.2.

    >>> zero = torch.zeros(2)
    >>> v = {"momentum_buffer": torch.tensor([1.0, -3.0])}
    >>> momentum(Entries("w", zero, zero > 0, moments=v))
    tensor([1., 3.])
    """
    return momentum_of(entries).abs()


def random(entries: Entries) -> Tensor:
    """Independent numbers, so that each candidate is as likely as any other.

    >>> zero = torch.zeros(2, 3)
    >>> random(Entries("w", zero, zero > 0, generator=torch.Generator().manual_seed(0))).shape
    torch.Size([2, 3])
    """
    drawn = torch.rand(entries.weight.shape, dtype=torch.float64, generator=entries.generator)
    return drawn.to(entries.weight.device)


def unfired(entries: Entries) -> Tensor:
    """Random numbers, higher for weights that were never kept before.

    Liu et al., "In-time over-parameterization", arXiv:2102.02887, section 3.

    >>> zero, ever = torch.zeros(2), torch.tensor([True, False])
    >>> int(unfired(Entries("w", zero, zero > 0, ever=ever)).argmax())
    1
    """
    scores = random(entries)
    return scores if entries.ever is None else scores + (~entries.ever).to(scores.dtype)
