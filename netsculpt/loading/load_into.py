"""Load the weights of a file into a live net, whose code defines how its layers are connected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netsculpt.core.errors import FormatError
from netsculpt.core.provenance import Step
from netsculpt.files.words import counts
from netsculpt.loading.read import PathLike, read
from netsculpt.loading.wann.to_graph import refuse_weights_alone
from netsculpt.loading.weights.parsed_file import ParsedFile, state_of, with_masks
from netsculpt.loading.weights.state import State, without_weight_norm

if TYPE_CHECKING:
    from torch import nn

    from netsculpt.loading.weights.slots import Filling

__all__ = ["fill_net", "load_into"]


def load_into(
    net: nn.Module,
    path: PathLike,
    *,
    mask: PathLike | None = None,
    max_bytes: int = 8 * 2**30,
    allow_nonfinite: bool = False,
) -> Step:
    """Load the weights and masks of a file into a live net, in place.

    For nets that are not a chain of layers; afterwards `netsculpt.trace` returns their graph. The
    file is read as by `netsculpt.load`, without running code from it. Tensors are matched by name,
    after prefixes of wrappers (``module.``, ``_orig_mod.``) and the names that pruning tools use
    have been removed on both sides: the saved net and `net` itself may both be pruned.

    Parameters
    ----------
    net
        The net that the weights belong to. Its own pruning and parametrizations are made
        permanent first: the file decides what is kept.
    path
        The file of weights: parameters, and buffers such as batch norm statistics.
    mask
        A file of 0/1 masks for them: a dict with the names of the weights as keys, or a list in
        the order of the net's parameters of two or more dimensions.
    max_bytes, allow_nonfinite
        As in `netsculpt.load`; NaN and infinite weights are pruned, and biases, scales and
        statistics of norms that are not finite are loaded as they are.

    Returns
    -------
    Step
        What was read: the file (sha256), its format, and what defines the edges. Put it before
        the graph's own steps, ``replace(graph, provenance=(step, *graph.provenance))``.

    Raises
    ------
    TopologyError
        If the weights are those of another net; the message lists names and shapes that differ.
    FormatError, UnsafeFileError, LimitError
        If the file or its mask cannot be read, as in `netsculpt.load`, or contains no weights.

    Notes
    -----
    A mask decides which edges exist, as in `netsculpt.nets.masks`: a kept weight may be 0. Without
    a mask the edges are the stored entries of sparse tensors and the nonzero entries of dense
    ones. Mask buffers that the net's own code multiplies by are set to the same masks. The file may
    hold a tensor that layers share under one of its names, or the same values under several. Only
    ``num_batches_tracked`` and buffers that state dicts leave out may be missing.
    Cost O(bytes of the file + parameters).

    Examples
    --------
    >>> import tempfile, torch, netsculpt
    >>> from pathlib import Path
    >>> from torch import nn
    >>> from torch.nn.utils import prune
    >>> def factory():
    ...     return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 3))
    >>> net, path = factory(), Path(tempfile.mkdtemp()) / "weights.pt"
    >>> _ = prune.l1_unstructured(net[2], "weight", amount=200)
    >>> torch.save(net.state_dict(), path)
    >>> fresh = factory()
    >>> load_into(fresh, path).parameters["edges"]
    'mask'
    >>> netsculpt.trace(fresh, torch.zeros(1, 1, 8, 8)).n_parameters == 2 * 9 + 216 - 200
    True
    """
    return fill_net(net, read(path, mask, max_bytes), allow_nonfinite=allow_nonfinite)


def fill_net(net: nn.Module, file: ParsedFile, *, allow_nonfinite: bool) -> Step:
    """Load the weights and masks of a file that has been read into a live net, in place."""
    from netsculpt.loading.weights.fitting import fillings_of, require_fit, with_names_of
    from netsculpt.loading.weights.slots import fill, slots_of, undo_pruning

    where = file.where
    refuse_weights_alone(file)
    if file.content.kind != "tensors":
        raise FormatError(
            f"{where} itself defines how its layers are connected, so no net is needed: leave "
            "out --model, or read it with netsculpt.load"
        )
    state = state_of(file)
    undo_pruning(net)
    slots = slots_of(net)
    state = without_weight_norm(state, where, slots)
    names = with_names_of(state.arrays, slots)
    state = State(
        {names[name]: x for name, x in state.arrays.items()},
        {names[name]: x for name, x in state.masks.items()},
    )
    require_fit(state.arrays, slots, type(net).__name__, where)
    weights = {x: state.arrays[x] for x in slots if x in state.arrays and slots[x].maskable}
    masks = with_masks(State(weights, state.masks), file).masks
    fillings = list(fillings_of(State(state.arrays, masks), slots, where))
    nonfinite = {x.slot.names[0]: x.n_nonfinite for x in fillings}
    n_dropped = file.n_dropped(nonfinite, "weight", allowed=allow_nonfinite)
    if not allow_nonfinite:
        _require_usable(fillings, where)
    if n_dropped:
        fillings = [x.finite() for x in fillings]
    fill(net, slots.values(), fillings)
    origins = {x.slot.names[0]: x.origin for x in fillings if x.is_weight}
    return file.step("load_into", origins, n_dropped=n_dropped)


def _require_usable(fillings: Sequence[Filling], where: str) -> None:
    """Raise if a bias, a scale or a statistic of a norm is not finite: so would outputs be."""
    broken = {x.slot.names[0]: x.n_unusable for x in fillings}
    if any(broken.values()):
        raise FormatError(
            f"{where} has biases, scales or statistics of norms that are NaN or infinite, in "
            f"{counts(broken)}: the net computes nothing finite with them. Check the training, or "
            "read it as it is with --allow-nonfinite (allow_nonfinite=True)"
        )
