"""The weights of a file in a live net, whose own code says how its layers are connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsculpt.core.errors import FormatError
from netsculpt.core.provenance import Step
from netsculpt.loading.read import PathLike, read
from netsculpt.loading.weights.contents import Contents, state_of, with_masks
from netsculpt.loading.weights.finite import left_out
from netsculpt.loading.weights.origins import origin_words
from netsculpt.loading.weights.state import State

if TYPE_CHECKING:
    from torch import nn

__all__ = ["fill_net", "load_into"]


def load_into(
    net: nn.Module,
    path: PathLike,
    *,
    mask: PathLike | None = None,
    max_bytes: int = 8 * 2**30,
    allow_nonfinite: bool = False,
) -> Step:
    """Put the weights and the masks of a file into a live net, in place.

    For nets that are no chain of layers: `netsculpt.trace` makes the graph of the net then. The
    file is read as `netsculpt.load` reads it, without running code from it. Tensors are matched by
    name, after prefixes of wrappers (``module.``, ``_orig_mod.``) and the names that pruning tools
    use are undone on both sides: the file may be of a pruned net, and `net` may be pruned itself.

    Parameters
    ----------
    net
        The net that the weights are of. Its own pruning and parametrizations are made permanent
        first: what is kept is for the file to say.
    path
        The weights: parameters, and buffers such as the statistics of batch norm.
    mask
        A file of 0/1 masks for them: a dict by the names of the weights, or a list in the order
        of the net's parameters of two or more dimensions.
    max_bytes
        Largest size of the tensors that are used, and of anything unpacked or read whole.
    allow_nonfinite
        Whether weights that are NaN or infinite are pruned, and counted, instead of refused.

    Returns
    -------
    Step
        What was read: file (sha256), format, and where edges come from. Put it before the graph's
        own steps, ``replace(graph, provenance=(step, *graph.provenance))``.

    Raises
    ------
    TopologyError
        If the file holds the weights of another net; names and shapes that differ are listed.
    FormatError
        If the file cannot be read, holds no weights, or the mask does not fit.
    UnsafeFileError
        If reading it would run code named in it.
    LimitError
        If it is, or claims to be, larger than allowed.

    Notes
    -----
    A mask decides which edges exist, as that of `netsculpt.nets.masks`: a kept weight may be 0.
    Without one the stored entries of sparse tensors are the edges, and the nonzero ones of dense
    tensors. Masks that are buffers of the net, by which its own code multiplies, become the same.
    Tensors that layers share may stand in the file under one of their names, or alike under
    several. Only ``num_batches_tracked`` and buffers that state dicts leave out may be missing.
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


def fill_net(net: nn.Module, contents: Contents, *, allow_nonfinite: bool) -> Step:
    """`load_into`, from a file that has been read."""
    from netsculpt.loading.weights.fitting import fitting, nonfinite, require_fit, without_nonfinite
    from netsculpt.loading.weights.slots import fill, slots_of, undo_pruning

    where = contents.where
    if contents.content.kind != "tensors":
        raise FormatError(
            f"{where} says itself how its layers are connected, so it needs no net: leave "
            "out --model, or read it with netsculpt.load"
        )
    state = state_of(contents)
    undo_pruning(net)
    slots = slots_of(net)
    require_fit(state.arrays, slots, type(net).__name__, where)
    weights = {x: state.arrays[x] for x in slots if x in state.arrays and slots[x].maskable}
    masks = with_masks(State(weights, state.masks), contents).masks
    fillings = list(fitting(State(state.arrays, masks), slots, where))
    n_dropped = left_out(nonfinite(fillings), "weights", where, allowed=allow_nonfinite)
    if n_dropped:
        fillings = [without_nonfinite(filling) for filling in fillings]
    fill(net, slots.values(), fillings)
    origins = {x.slot.names[0]: x.origin for x in fillings if x.is_weight}
    return contents.step("load_into", n_dropped=n_dropped, **origin_words(origins))
