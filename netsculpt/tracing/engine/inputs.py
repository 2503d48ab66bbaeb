"""Which elements of a net's inputs are one unit, and which are tokens of a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.columns import SeveralInputs

__all__ = ["Inputs"]

Ints = NDArray[np.int64]
_TOKENS = NOTHING - 1  # tokens of the first group, in a shadow; those of the second are one less


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is known of the inputs' elements: each time that the walk starts, more.

    A group is a unit; or, where an embedding takes it, a unit for each token that its elements may
    be. In shadows such a group is a number below `NOTHING`.
    """

    shapes: Mapping[str, tuple[int, ...]]
    group: Ints  # of each element; they are numbered in the order of their first elements
    vocabulary: Ints  # how many tokens each element may be; 0: it is a number

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]]) -> Inputs:
        """Each element is a unit."""
        n_elements = sum(math.prod(shape[1:]) for shape in shapes.values())
        return cls(shapes, np.arange(n_elements), np.zeros(n_elements, np.int64))

    def laid(self, build: Builder) -> tuple[dict[str, Activation], Ints]:
        """The inputs' shadows, in layers that it adds; and the group of each unit there."""
        shadow = np.full(self.group.max(initial=-1) + 1, NOTHING)  # of each group
        values, of_unit, stop = {}, [np.zeros(0, np.int64)], 0
        for name, shape in self.shapes.items():
            start, stop = stop, stop + math.prod(shape[1:])
            inside, tokens = self.group[start:stop], self.vocabulary[start:stop]
            called = "input" if len(self.shapes) == 1 else name
            new = np.unique(inside[(shadow[inside] == NOTHING) & (tokens == 0)])
            if new.size:
                first = build.add_layer(called, "input", shape[1:], new.size)
                shadow[new] = first + np.arange(new.size)
                of_unit.append(new)
            for group in np.unique(inside[(shadow[inside] == NOTHING) & (tokens > 0)]).tolist():
                at = int(np.argmax(inside == group))
                size = int(tokens[at])
                index = ", ".join(str(x) for x in np.unravel_index(at, shape[1:]))
                whole = bool((inside == group).all())
                build.add_layer(called if whole else f"{called}[{index}]", "input", (size,), size)
                shadow[group] = _TOKENS - group
                build.tokens[_TOKENS - group] = build.layers[-1]
                of_unit.append(np.full(size, group))
            units = torch.from_numpy(shadow[inside])
            values[name] = Activation(units.reshape(1, *shape[1:]).expand(shape))
        return values, np.concatenate(of_unit)

    def joined(self, found: SeveralInputs, of_unit: Ints) -> Inputs:
        """Fewer groups, in the order of their first elements."""
        one, two = (
            np.where(x < NOTHING, _TOKENS - x, of_unit[x]) for x in (found.units, found.same)
        )
        n_groups = int(self.group.max()) + 1
        pairs = coo_array((np.ones(one.size), (one, two)), (n_groups, n_groups))
        _, label = connected_components(pairs, directed=False)
        merged = label[self.group]
        _, first, place = np.unique(merged, return_index=True, return_inverse=True)
        vocabulary = self.vocabulary.copy()
        if found.vocabulary:
            vocabulary[np.isin(self.group, np.union1d(one, two))] = found.vocabulary
        return Inputs(self.shapes, np.argsort(np.argsort(first))[place], vocabulary)
