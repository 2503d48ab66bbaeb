"""Match the tensors of a file to those of a net, by name and shape, with their masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.files.arrays import Array, SparseWeight, dense
from netsculpt.files.errors import file_errors
from netsculpt.files.words import listed, quoted, shape
from netsculpt.loading.weights.slots import Filling, Slot
from netsculpt.loading.weights.state import State

__all__ = ["fillings_of", "require_fit", "with_names_of"]


def require_fit(
    arrays: Mapping[str, Array], slots: Mapping[str, Slot], net: str, where: str
) -> None:
    """Raise an error that lists every name and shape in which file and net differ."""
    lacking = [x.names[0] for x in _each(slots) if x.needed and not set(x.names) & arrays.keys()]
    strange = [name for name in arrays if name not in slots]
    unfit = [
        f"{name} (file {shape(array.shape)}, net {shape(slots[name].tensor.shape)})"
        for name, array in arrays.items()
        if name in slots and tuple(array.shape) != tuple(slots[name].tensor.shape)
    ]
    differences = [
        f"{kind}: {listed(names)}"
        for kind, names in (
            ("only the net has", lacking),
            ("only the file has", strange),
            ("shapes differ", unfit),
        )
        if names
    ]
    if differences:
        part = _part_of(arrays, slots)
        if part is not None:
            raise TopologyError(
                f"{where} holds only the part {quoted(part)} of this {net}; its other weights, "
                f"{listed(x for x in lacking if not x.startswith(part))}, are not in the file and "
                f"would be random. Name a factory that returns that part, net.{part}, or save the "
                "whole net"
            )
        whole = _whole_of(arrays, slots)
        if whole is not None:
            raise TopologyError(
                f"{where} holds a larger net, of which this {net} is the part {quoted(whole)}; it "
                f"has {listed(x for x in strange if not x.startswith(whole + '.'))} besides. Name "
                f"a factory that returns the whole net, or save its part, net.{whole}"
            )
        raise TopologyError(
            f"{where} holds the weights of a net other than this {net} ({'; '.join(differences)}): "
            "the net whose weights were saved is needed. Name the factory that built it, with the "
            "same arguments"
        )


def _part_of(arrays: Mapping[str, Array], slots: Mapping[str, Slot]) -> str | None:
    """The part of a net that all tensors of a file belong to, as its base model without a head."""
    prefixes = {name.partition(".")[0] for name in slots if "." in name}
    fits = [x for x in sorted(prefixes) if all(_same_shape(f"{x}.{name}", array, slots)
                                               for name, array in arrays.items())]  # fmt: skip
    return fits[0] if fits and arrays else None


def _whole_of(arrays: Mapping[str, Array], slots: Mapping[str, Slot]) -> str | None:
    """The part of a file's net that a net is."""
    prefixes = {name.partition(".")[0] for name in arrays if "." in name}
    needed = [name for name, slot in slots.items() if slot.needed]
    for prefix in sorted(prefixes):
        if needed and all(
            f"{prefix}.{name}" in arrays and _same_shape(name, arrays[f"{prefix}.{name}"], slots)
            for name in needed
        ):
            return prefix
    return None


def _same_shape(name: str, array: Array, slots: Mapping[str, Slot]) -> bool:
    return name in slots and tuple(array.shape) == tuple(slots[name].tensor.shape)


def with_names_of(arrays: Mapping[str, Array], slots: Mapping[str, Slot]) -> dict[str, str]:
    """The names of a file as the net has them: without a prefix that all of them share.

    Lightning and others save a net as an attribute: ``model.fc1.weight``.
    """
    first = {name.partition(".")[0] for name in arrays}
    if len(first) == 1 and not any(name in slots for name in arrays):
        prefix = f"{first.pop()}."
        short = {name: name.removeprefix(prefix) for name in arrays}
        if all(_same_shape(short[name], array, slots) for name, array in arrays.items()):
            return short
    return {name: name for name in arrays}


def fillings_of(state: State, slots: Mapping[str, Slot], where: str) -> Iterator[Filling]:
    """What the file has for each tensor of the net, except for masks of the net itself."""
    for slot in _each(slots):
        names = [name for name in slot.names if name in state.arrays]
        if slot.masks is None and names:
            with file_errors(where):
                yield _agreed([_filling(name, slot, state, where) for name in names], where)


def _each(slots: Mapping[str, Slot]) -> Iterable[Slot]:
    return dict.fromkeys(slots.values())


def _filling(name: str, slot: Slot, state: State, where: str) -> Filling:
    array, mask = state.arrays[name], state.masks.get(name)
    stored = torch.tensor(dense(array))
    value = stored.to(slot.tensor.dtype)
    if not value.is_floating_point() and not torch.equal(value.to(stored.dtype), stored):
        raise FormatError(
            f"{quoted(name)} in {where} is {stored.dtype}, in the net {value.dtype}, which cannot "
            "represent its values: the net whose weights were saved is needed"
        )
    if mask is not None:
        return Filling(slot, value, torch.tensor(dense(mask)) != 0, "mask")
    if isinstance(array, SparseWeight) and slot.maskable:
        return Filling(slot, value, torch.tensor(dense(_stored(array))), "stored")
    return Filling(slot, value, None, "nonzero")


def _agreed(fillings: list[Filling], where: str) -> Filling:
    """The common filling of a tensor that the file holds under several names."""
    best = next((x for x in fillings if x.keep is not None), fillings[0])
    for other in fillings:
        if not (
            _same(other, best) and (other.keep is None or torch.equal(other.pattern, best.pattern))
        ):
            raise TopologyError(
                f"{listed(best.slot.names)} are one tensor in the net, but they or their masks "
                f"differ in {where}: the net whose weights were saved is needed, or the same mask "
                "for each of these names"
            )
    return best


def _same(one: Filling, other: Filling) -> bool:
    """Whether the kept values are equal; NaN equals NaN."""
    a, b = (torch.where(x.pattern, x.value, 0) for x in (one, other))
    return bool(((a == b) | ((a != a) & (b != b))).all())  # noqa: PLR0124


def _stored(array: SparseWeight) -> SparseWeight:
    pattern = array.matrix.copy()
    pattern.data = np.ones(pattern.nnz, dtype=np.bool_)
    return SparseWeight(array.shape, pattern)
