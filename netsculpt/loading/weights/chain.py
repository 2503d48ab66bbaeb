"""Which layer feeds which, from the shapes of the tensors alone.

The inputs of every matrix [out, in] or kernel [out, in, height, width] must match the outputs of
the one before it: in = out, or in = channels · height · width after a convolution. Norms belong to
the layer before them. An ambiguous file is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.files.arrays import Array
from netsculpt.files.words import quoted, shape
from netsculpt.loading.weights.state import State

__all__ = ["EPSILON", "Link", "Norm", "chain"]

EPSILON = 1e-5  # torch's default; a state dict does not contain it
_MOST_TRIES = 20_000  # of orders that names allow
_PARALLEL = frozenset(
    {
        *("downsample", "shortcut", "skip", "residual"),
        *("q", "k", "v", "qkv", "q_proj", "k_proj", "v_proj", "query", "key", "value"),
        "in_proj_weight",
    }
)
_RECURRENT = re.compile(r"weight_(ih|hh)(_l\d+.*)?")
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True, eq=False)
class Norm:
    """A normalisation that multiplies units by a factor."""

    name: str
    kind: str  # "batch": γ/√(σ²+ε), "layer": γ (layer and group norm)
    factor: NDArray[np.float64]  # [out]


@dataclass(frozen=True, eq=False)
class Link:
    """A weight between two consecutive layers of units."""

    parameter: str
    weight: Array  # [out, in] or [out, in, height, width]
    mask: Array | None
    norms: tuple[Norm, ...] = ()
    positions: int = 1  # height · width of each channel that is flattened before it

    @property
    def kind(self) -> str:
        """Kind of its block: "conv" or "linear"."""
        return "conv" if self.weight.ndim == 4 else "linear"

    @property
    def n_out(self) -> int:
        """Output units."""
        return self.weight.shape[0]

    @property
    def n_in(self) -> int:
        """Input units; columns before the chain is connected."""
        return self.weight.shape[1] // self.positions


def chain(state: State, *, ordered: bool, where: str) -> tuple[Link, ...]:
    """The layers in order, each with its norms.

    `ordered` means that names are in the model's order, as in a state dict. Otherwise
    (safetensors sorts them) the numbers in names and the shapes must allow only one order.
    """
    links = [
        Link(name, array, state.masks.get(name))
        for name, array in state.arrays.items()
        if _is_weight(name, array, where)
    ]
    if not links:
        raise FormatError(
            f"{where} contains no weight matrix (2-D) or kernel (4-D): a model with at least "
            "one linear or convolutional layer is needed"
        )
    norms = list(_norms(state.arrays, where))
    if not ordered:
        links = _only_order(links, where)
    connected = _connected(links, where)
    after = _owners(norms, connected, state.arrays, ordered=ordered, where=where)
    return tuple(
        replace(link, norms=tuple(norm for norm in norms if after[norm.name] == link.parameter))
        for link in connected
    )


def _is_weight(name: str, array: Array, where: str) -> bool:
    if array.ndim < 2:
        return False
    parts = name.split(".")
    if _PARALLEL.intersection(parts) or _RECURRENT.fullmatch(parts[-1]):
        raise TopologyError(
            f"{quoted(name)} in {where} belongs to a shortcut, an attention or a recurrent layer, "
            f"which is not a chain of layers. {_ask(where)}"
        )
    if array.ndim not in (2, 4) or array.dtype.kind != "f":
        raise TopologyError(
            f"{quoted(name)} in {where} is {array.dtype} {shape(array.shape)}: where shapes alone "
            "define how layers are connected, weights are floating point, [out, in] or "
            f"[out, in, height, width]. {_ask(where)}"
        )
    return True


def _connected(links: Sequence[Link], where: str) -> list[Link]:
    chained = [links[0]]
    for link in links[1:]:
        before = chained[-1]
        positions = _positions(before, link)
        if positions is None:
            raise TopologyError(_mismatch(before, link, links, where))
        chained.append(replace(link, positions=positions))
    return chained


def _positions(before: Link, after: Link) -> int | None:
    """Height · width between two layers if one can feed the other (1: no flatten)."""
    n_out, n_in = before.n_out, after.weight.shape[1]
    if n_out == n_in:
        return 1
    flattens = before.kind == "conv" and after.kind == "linear"
    return n_in // n_out if flattens and n_out and n_in and n_in % n_out == 0 else None


def _mismatch(before: Link, link: Link, links: Sequence[Link], where: str) -> str:
    fits = [x for x in links if x is not link and x is not before and _positions(x, link)]
    followers = [x for x in links if x is not link and x is not before and _positions(before, x)]
    other = ""
    if fits:
        other = f"; {_described(fits[0])} would fit before it"
    elif followers:
        other = f"; {_described(followers[0])} would fit after that"
    return (
        f"{where}: {_described(link)} comes after {_described(before)} in the file, which has "
        f"{before.n_out} outputs, not the {link.weight.shape[1]} that are needed{other}. "
        f"{_ask(where)}"
    )


def _only_order(links: Sequence[Link], where: str) -> list[Link]:
    """The only order that the numbers in names and the shapes allow."""
    natural = sorted(links, key=lambda link: _natural(link.parameter))
    matches: list[list[Link]] = []
    for order in _orders(natural, where):
        matches.append(order)
        if len(matches) > 1:
            break
    if not matches:
        return natural  # the caller then reports its first mismatch
    if len(matches) > 1:
        one, two = next((a, b) for a, b in zip(*matches, strict=True) if a is not b)
        raise TopologyError(
            f"{where} does not keep the order of layers, and both {_described(one)} and "
            f"{_described(two)} fit in the same place: save a state dict with torch.save. "
            f"{_ask(where)}"
        )
    return matches[0]


def _orders(links: Sequence[Link], where: str) -> Iterator[list[Link]]:
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
                    f"{where} does not keep the order of its {len(links)} layers, and too many "
                    f"orders fit: save a state dict with torch.save. {_ask(where)}"
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


def _norms(arrays: Mapping[str, Array], where: str) -> Iterator[Norm]:
    for name, array in arrays.items():
        layer, dot, leaf = name.rpartition(".")
        variance = arrays.get(f"{layer}{dot}running_var")
        if array.ndim != 1 or leaf not in ("weight", "running_var"):
            continue
        gamma = arrays.get(f"{layer}{dot}weight")
        if variance is not None:
            if leaf == "running_var" and gamma is not None:
                continue  # yielded once, for its weight
            yield Norm(layer, "batch", _batch_factor(layer, gamma, variance, where))
        elif f"{layer}{dot}bias" in arrays:
            yield Norm(layer, "layer", np.asarray(array, dtype=np.float64))
        elif array.shape != (1,):  # a single number is the slope of a PReLU
            raise TopologyError(
                f"{quoted(name)} in {where} may be the factors of an RMS norm or the slopes of a "
                f"PReLU. {_ask(where)}"
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
    ordered: bool, where: str,
) -> dict[str, str]:  # fmt: skip
    """The parameter whose units each norm multiplies."""
    owners: dict[str, str] = {}
    places = {name: place for place, name in enumerate(arrays)}
    for norm in norms:
        size = norm.factor.size
        if ordered:
            place = min(
                places.get(f"{norm.name}.{leaf}", len(places)) for leaf in ("weight", "running_var")
            )
            before = [link for link in links if places[link.parameter] < place][-1:]
        else:
            before = _layer_before(norm.name, links) or [x for x in links if x.n_out == size]
        fitting = [link for link in before if link.n_out == size]
        if len(fitting) != 1:
            named = " and ".join(_described(link) for link in before[:2]) or "no layer"
            raise TopologyError(
                f"norm {quoted(norm.name)} in {where} multiplies {size} units, and {named} comes "
                f"before it: it is not clear which layer's units these are. {_ask(where)}"
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


def _described(link: Link) -> str:
    return f"{quoted(link.parameter)} {shape(link.weight.shape)}"


def _ask(where: str) -> str:
    return (
        "Define how they are connected by naming the net of these weights: netsculpt analyze "
        f"{where} --model pkg.module:factory --example-shape 1,3,32,32, or in Python "
        "netsculpt.trace(net, example); without a net, save the weights again in the order of the "
        "forward pass, or call netsculpt.from_matrices([W1, W2, …], masks=[…])"
    )
