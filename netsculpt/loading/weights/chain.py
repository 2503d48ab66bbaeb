"""Which layer feeds which, from the shapes and the names of the tensors.

The inputs of every matrix [out, in] or kernel [out, in, …] must match the outputs of the one before
it: in = out, or in = channels · positions after a convolution. Norms belong to the layer before
them. A file that fits several chains, or whose names speak against a chain, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.files.arrays import Array
from netsculpt.files.words import quoted, shape
from netsculpt.loading.weights.asking import Ask
from netsculpt.loading.weights.branches import is_off_the_chain, require_chain
from netsculpt.loading.weights.kinds import is_kernel, is_statistic
from netsculpt.loading.weights.layouts import doubtful, is_foreign, known
from netsculpt.loading.weights.links import Link, Norm
from netsculpt.loading.weights.state import State
from netsculpt.loading.weights.words import leaf

__all__ = ["EPSILON", "chain"]

EPSILON = 1e-5  # torch's default; a state dict does not contain it
_MOST_TRIES = 20_000  # of orders that names allow
_RECURRENT = re.compile(r"weight_(ih|hh)(_l\d+.*)?")
_MASKS = frozenset({"mask", "masks", "attn_mask", "causal_mask", "attention_mask", "tril", "triu"})
_NUMBER = re.compile(r"(\d+)")


def chain(
    state: State, *, ordered: bool, conventional: bool, described: bool, where: str
) -> tuple[Link, ...]:
    """The layers in order, each with its norms.

    `ordered` means that names are in the model's order, as in a state dict. Otherwise
    (safetensors sorts them) the numbers in names and the shapes must allow only one order.
    `conventional` means that lists of matrices are [out, in], as torch stores them, and `described`
    that the file itself says that its net is a chain in that order, as our own ``model.pt``.

    Raises
    ------
    TopologyError
        If no chain fits, or several do, or names say that the layers are not a chain.
    """
    ask = Ask.of(state.arrays, where, ordered=ordered)
    links = [
        Link.of(name, array, state.masks.get(name))
        for name, array in state.arrays.items()
        if _is_weight(name, array, ask)
    ]
    if not links:
        raise FormatError(
            f"{where} contains no weight matrix (2-D) or kernel (3-D, 4-D): a model with at least "
            "one linear or convolutional layer is needed"
        )
    norms = list(_norms(state.arrays, ask))
    if not described:
        links = known(links, state.arrays, where, ask.chain)
    if not ordered:
        links = _only_order(links, ask)
    if described:
        connected = _connected(links, ask)
    else:
        connected = _only_reading(links, state.arrays, foreign=not conventional, ask=ask)
        require_chain(connected, [norm.name for norm in norms], list(state.arrays), ask)
    after = _owners(norms, connected, state.arrays, ask=ask)
    return tuple(
        replace(link, norms=tuple(norm for norm in norms if after[norm.name] == link.parameter))
        for link in connected
    )


def _is_weight(name: str, array: Array, ask: Ask) -> bool:
    if array.ndim < 2:
        return False
    parts, where = name.split("."), ask.where
    if _RECURRENT.fullmatch(parts[-1]) or is_off_the_chain(name):
        raise TopologyError(
            f"{quoted(name)} in {where} belongs to a shortcut, an attention or a recurrent layer, "
            f"or another branch, which is not a chain of layers. {ask.net}"
        )
    if array.dtype.kind in "biu" and is_statistic(name):
        return False
    if leaf(name) in _MASKS:
        raise TopologyError(
            f"{quoted(name)} {shape(array.shape)} in {where} is a mask by its name, which does not "
            "say what it masks: a weight 'fc.weight' has the mask 'fc.weight_mask'. If it masks "
            f"activations, as in attention, this is not a chain of layers. {ask.net}"
        )
    if array.dtype.kind != "f":
        raise TopologyError(
            f"{quoted(name)} in {where} is {array.dtype} {shape(array.shape)}: where shapes alone "
            "define how layers are connected, weights are floating point. If these are weights, "
            "save them so, quantised ones times their scale; if not, name the net that takes "
            f"them. {ask.net}"
        )
    if array.ndim > 5:
        raise TopologyError(
            f"{quoted(name)} in {where} is {array.dtype} {shape(array.shape)}: where shapes alone "
            "define how layers are connected, weights are [out, in] or [out, in, height, width]. "
            f"{ask.net}"
        )
    if array.ndim in (3, 5) and not is_kernel(name):
        raise TopologyError(
            f"{quoted(name)} in {where} is {shape(array.shape)}: its name does not say whether "
            "this is the kernel of a convolution, a bilinear form or matrices of heads. "
            f"{ask.net}"
        )
    return True


def _only_reading(
    links: Sequence[Link], arrays: Mapping[str, Array], *, foreign: bool, ask: Ask
) -> list[Link]:
    """The chain of the links, if only one choice of their layouts fits."""
    doubts = doubtful(links, arrays, foreign=foreign)
    shared = [doubt and is_foreign(x.parameter) and x.kind == "linear"
              for doubt, x in zip(doubts, links, strict=True)]  # fmt: skip
    fits: list[list[Link]] = []
    for together in (False, True) if any(shared) else (False,):
        choices = [
            [_other(link)] if together and of_group
            else [link, _other(link)] if doubt and not of_group
            else [link]
            for link, doubt, of_group in zip(links, doubts, shared, strict=True)
        ]  # fmt: skip
        fits += islice(_readings(choices), 2)
    if not fits:
        return _connected(links, ask)  # which raises an error
    turned = next((x for x in fits[-1] if x.swapped and not x.why), None)
    proven = {x.kind for x in links if x.swapped}  # such layers are in this net for sure
    unsure = [x for x in fits[-1] if x.swapped and not x.why]
    if turned is None or (len(fits) == 1 and all(x.kind in proven for x in unsure)):
        only = "as the only layout that fits"
        return _connected([replace(x, why=x.why or only) if x.swapped else x for x in fits[0]], ask)
    if all(x.kind == "linear" for x in links) and any(shared):
        raise TopologyError(_transposed(links, ask.where, also=len(fits) > 1))
    if len(fits) == 1:
        before, link = next(x for x in pairwise(links) if not _positions(*x))
        raise TopologyError(_mismatch(before, link, links, ask, turned))
    one = next(a for a, b in zip(*fits[:2], strict=True) if a.swapped != b.swapped)
    raise TopologyError(
        f"{ask.where}: {one.described} fits the chain as {_as_read(one)} and as "
        f"{_as_read(_other(one))}, and neither a bias, a norm nor its name says which it is. "
        f"{ask.chain}"
    )


def _other(link: Link) -> Link:
    """The same weight in the other layout, without a proof."""
    return link.turned("", "embedding" if link.kind == "linear" and not is_foreign(link.parameter)
                       else "linear" if link.kind == "embedding" else link.kind)  # fmt: skip


def _as_read(link: Link) -> str:
    kinds = {
        ("linear", False): "a linear layer [out, in]",
        ("linear", True): "a matrix [in, out]",
        ("embedding", True): "an embedding [in, out]",
        ("conv", False): "a convolution [out, in, …]",
        ("conv", True): "a transposed convolution [in, out, …]",
    }
    return kinds[link.kind, link.swapped]


def _transposed(links: Sequence[Link], where: str, *, also: bool) -> str:
    matrices = ", ".join(link.described for link in links[:3])
    more = ", …" if len(links) > 3 else ""
    fit = "fit both as [out, in] and" if also else "do not fit as [out, in]; they do"
    right = ' Or, if they are [out, in], name them "fc1.weight", "fc2.weight", …' if also else ""
    return (
        f"{where}: {matrices}{more} {fit} as "
        "[in, out], the layout of flax, Keras and scikit-learn. To read them so, call "
        "netsculpt.from_matrices([W1.T, W2.T, …]), or save their transposes under torch's names: "
        f"numpy.savez(path, **{{'fc1.weight': W1.T, 'fc2.weight': W2.T, …}}).{right}"
    )


def _readings(choices: Sequence[Sequence[Link]]) -> Iterator[list[Link]]:
    """Every choice of one link from each place that is a chain; the first ones come first."""
    leads = [[True] * len(x) for x in choices]  # whether the rest of the chain can follow
    for place in range(len(choices) - 2, -1, -1):
        leads[place] = [
            any(
                ok and _positions(link, after)
                for ok, after in zip(leads[place + 1], choices[place + 1], strict=True)
            )
            for link in choices[place]
        ]
    stack: list[list[Link]] = [[]]
    while stack:
        begun = stack.pop()
        place = len(begun)
        if place == len(choices):
            yield begun
            continue
        stack += [
            [*begun, link]
            for ok, link in zip(leads[place][::-1], choices[place][::-1], strict=True)
            if ok and (not begun or _positions(begun[-1], link))
        ]


def _connected(links: Sequence[Link], ask: Ask) -> list[Link]:
    chained = [links[0]]
    for link in links[1:]:
        before = chained[-1]
        positions = _positions(before, link)
        if positions is None:
            raise TopologyError(_mismatch(before, link, links, ask))
        if before.kind == "embedding" and positions > 1:
            raise TopologyError(
                f"{ask.where}: {link.described} takes {positions} tokens at a time from "
                f"{before.described}: each position has units of its own, which is not a chain of "
                f"layers. {ask.net}"
            )
        chained.append(replace(link, positions=positions))
    return chained


def _positions(before: Link, after: Link) -> int | None:
    """Positions of each channel between two layers if one can feed the other (1: no flatten)."""
    n_out, n_in = before.n_out, after.n_columns
    if n_out == n_in:
        return 1
    flattens = before.kind in ("conv", "embedding") and after.kind == "linear"
    return n_in // n_out if flattens and n_out and n_in and n_in % n_out == 0 else None


def _mismatch(
    before: Link, link: Link, links: Sequence[Link], ask: Ask, turned: Link | None = None
) -> str:
    fits = [x for x in links if x is not link and x is not before and _positions(x, link)]
    followers = [x for x in links if x is not link and x is not before and _positions(before, x)]
    other = ""
    if fits:
        other = f"; {fits[0].described} would fit before it"
    elif followers:
        other = f"; {followers[0].described} would fit after that"
    if turned is not None:
        other = f"; {turned.described} would fit as {_as_read(turned)}"
    transposed = [_other(x) for x in links if x.kind == "linear" and not x.why]
    chains = all(_positions(a, b) for a, b in pairwise(transposed))
    if len(transposed) == len(links) and chains:
        return _transposed(links, ask.where, also=False)
    if groups := _groups(before, link):
        other = (
            f"; it fits as a convolution of {groups} groups, but a state dict does not say which "
            f"layers have groups{other}"
        )
    return (
        f"{ask.where}: {link.described} comes after {before.described} in the file, which has "
        f"{before.n_out} outputs, not the {link.n_columns} that are needed{other}. "
        f"{ask.order if fits or followers else ask.net}"
    )


def _groups(before: Link, link: Link) -> int:
    """The number of groups with which a kernel would take what comes before it; 0 if none."""
    groups, rest = divmod(before.n_out, link.n_columns) if link.n_columns else (0, 1)
    kernels = before.kind == link.kind == "conv"
    fits = kernels and groups and not rest and link.n_out % groups == 0
    return groups if fits else 0


def _only_order(links: Sequence[Link], ask: Ask) -> list[Link]:
    """The only order that the numbers in names and the shapes allow."""
    natural = sorted(links, key=lambda link: _natural(link.parameter))
    matches: list[list[Link]] = []
    for order in _orders(natural, ask):
        matches.append(order)
        if len(matches) > 1:
            break
    if not matches:
        return natural  # the caller then reports its first mismatch
    if len(matches) > 1:
        one, two = next((a, b) for a, b in zip(*matches, strict=True) if a is not b)
        raise TopologyError(
            f"{ask.where} does not keep the order of layers, and both {one.described} and "
            f"{two.described} fit in the same place. {ask.order}"
        )
    return matches[0]


def _orders(links: Sequence[Link], ask: Ask) -> Iterator[list[Link]]:
    """Every order that chains and in which names that differ only in numbers stay sorted."""
    families: dict[str, list[Link]] = {}
    for link in links:
        families.setdefault(_NUMBER.sub("#", link.parameter), []).append(link)
    queues = list(families.values())
    tries = 0
    stack: list[tuple[list[Link], tuple[int, ...]]] = [([], (0,) * len(queues))]  # order, used
    while stack:
        order, used = stack.pop()
        if len(order) == len(links):
            yield order
        for index, queue in enumerate(queues):
            tries += 1
            if tries > _MOST_TRIES:
                raise TopologyError(
                    f"{ask.where} does not keep the order of its {len(links)} layers, and too "
                    f"many orders fit. {ask.order}"
                )
            if used[index] == len(queue):
                continue
            link = queue[used[index]]
            if not order or _positions(order[-1], link):
                advanced = tuple(n + (index == i) for i, n in enumerate(used))
                stack.append(([*order, link], advanced))


def _natural(name: str) -> list[Any]:
    parts = _NUMBER.split(name)
    return [(int(part[:18]), "") if i % 2 else (0, part) for i, part in enumerate(parts)]


def _norms(arrays: Mapping[str, Array], ask: Ask) -> Iterator[Norm]:
    for name, array in arrays.items():
        layer, dot, leaf = name.rpartition(".")
        variance = arrays.get(f"{layer}{dot}running_var")
        if array.ndim != 1 or leaf not in ("weight", "running_var"):
            continue
        gamma = arrays.get(f"{layer}{dot}weight")
        if variance is not None:
            if leaf == "running_var" and gamma is not None:
                continue  # yielded once, for its weight
            yield Norm(layer, "batch", _batch_factor(layer, gamma, variance, ask.where))
        elif f"{layer}{dot}bias" in arrays:
            yield Norm(layer, "layer", np.asarray(array, dtype=np.float64))
        elif array.shape != (1,):  # a single number is the slope of a PReLU
            raise TopologyError(
                f"{quoted(name)} in {ask.where} may be the factors of an RMS norm or the slopes of "
                f"a PReLU. {ask.net}"
            )


def _batch_factor(
    layer: str, gamma: Array | None, variance: Array, where: str
) -> NDArray[np.float64]:
    spread = np.asarray(variance, dtype=np.float64)
    scale = np.ones_like(spread) if gamma is None else np.asarray(gamma, dtype=np.float64)
    if scale.shape != spread.shape:
        raise FormatError(
            f"norm {quoted(layer)} in {where} has {shape(scale.shape)} factors and "
            f"{shape(spread.shape)} variances: the file is damaged; save it again"
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        factor: NDArray[np.float64] = scale / np.sqrt(spread + EPSILON)
    return factor


def _owners(
    norms: Sequence[Norm], links: Sequence[Link], arrays: Mapping[str, Array], *,
    ask: Ask,
) -> dict[str, str]:  # fmt: skip
    """The parameter whose units each norm multiplies."""
    owners: dict[str, str] = {}
    places = {name: place for place, name in enumerate(arrays)}
    for norm in norms:
        size = norm.factor.size
        if ask.ordered:
            place = min(
                places.get(f"{norm.name}.{leaf}", len(places)) for leaf in ("weight", "running_var")
            )
            before = [link for link in links if places[link.parameter] < place][-1:]
        else:
            before = _layer_before(norm.name, links) or [x for x in links if x.n_out == size]
        fitting = [link for link in before if link.n_out == size]
        if len(fitting) != 1:
            named = " and ".join(link.described for link in before[:2]) or "no layer"
            raise TopologyError(
                f"norm {quoted(norm.name)} in {ask.where} multiplies {size} units, and {named} "
                f"comes before it: it is not clear which layer's units these are. {ask.net}"
            )
        owners[norm.name] = fitting[0].parameter
    return owners


def _layer_before(norm: str, links: Sequence[Link]) -> list[Link]:
    """The layer before a norm in the same numbered list of layers (torch.nn.Sequential)."""
    stem, place = _list_and_place(norm)

    def is_earlier(link: Link) -> bool:
        other, number = _list_and_place(link.parameter.removesuffix(".weight"))
        return other == stem and 0 <= number < place

    return [link for link in links if is_earlier(link)][-1:]


def _list_and_place(layer: str) -> tuple[str, int]:
    """The list that a layer is in, and its number there; −1 if it has none."""
    stem, _, number = layer.rpartition(".")
    return stem, int(number[:18]) if number.isdecimal() else -1
