"""Which elements of a net's inputs are one unit, and which are tokens of a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.edges import Ints

__all__ = ["Inputs"]

_TOKENS = NOTHING - 1  # tokens of the first group, in a shadow; those of the second are one less


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs' elements, in groups that get larger each time the net is followed again.

    A group is one unit, or, if an embedding takes it, one unit for each token that its elements
    can be. In shadows a group of tokens is a number below `NOTHING`.
    """

    shapes: Mapping[str, tuple[int, ...]]
    group: Ints  # of each element; groups are numbered in the order of their first elements
    vocabulary: Ints  # how many tokens each element can be; 0: it is a number
    whole: frozenset[str]  # inputs of whole numbers or truth values

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]], whole: frozenset[str]) -> Inputs:
        """Inputs of these shapes; each element is a unit."""
        n_elements = sum(math.prod(shape[1:]) for shape in shapes.values())
        return cls(shapes, np.arange(n_elements), np.zeros(n_elements, np.int64), whole)

    def add_layers(self, builder: Builder) -> tuple[dict[str, Activation], Ints]:
        """Add the input layers; the inputs' shadows, and the group of each unit."""
        shadow = np.full(self.group.max(initial=-1) + 1, NOTHING)  # of each group
        shadows, group_of_unit, stop = {}, [np.zeros(0, np.int64)], 0
        for name, shape in self.shapes.items():
            start, stop = stop, stop + math.prod(shape[1:])
            inside, tokens = self.group[start:stop], self.vocabulary[start:stop]
            layer = "input" if len(self.shapes) == 1 else name
            new = np.unique(inside[(shadow[inside] == NOTHING) & (tokens == 0)])
            if new.size:
                first = builder.add_layer(layer, "input", shape[1:], new.size)
                if name in self.whole:
                    builder.whole.add(len(builder.layers) - 1)
                shadow[new] = first + np.arange(new.size)
                builder.place_units(shadow[inside])
                group_of_unit.append(new)
            for group in np.unique(inside[(shadow[inside] == NOTHING) & (tokens > 0)]).tolist():
                element = int(np.argmax(inside == group))
                size = int(tokens[element])
                index = ", ".join(str(x) for x in np.unravel_index(element, shape[1:]))
                whole = bool((inside == group).all())
                builder.add_layer(layer if whole else f"{layer}[{index}]", "input", (size,), size)
                shadow[group] = _TOKENS - group
                builder.tokens[_TOKENS - group] = builder.layers[-1]
                group_of_unit.append(np.full(size, group))
            units = torch.from_numpy(shadow[inside])
            shadows[name] = Activation(units.reshape(1, *shape[1:]).expand(shape))
        return shadows, np.concatenate(group_of_unit)

    def merged(self, several: SeveralInputs, group_of_unit: Ints) -> Inputs:
        """The inputs with fewer groups, in the order of their first elements."""
        one, two = (
            np.where(x < NOTHING, _TOKENS - x, group_of_unit[x])
            for x in (several.units, several.same)
        )
        n_groups = int(self.group.max()) + 1
        pairs = coo_array((np.ones(one.size), (one, two)), (n_groups, n_groups))
        _, label = connected_components(pairs, directed=False)
        _, first, place = np.unique(label[self.group], return_index=True, return_inverse=True)
        vocabulary = self.vocabulary.copy()
        if several.vocabulary:
            vocabulary[np.isin(self.group, np.union1d(one, two))] = several.vocabulary
        group = np.argsort(np.argsort(first))[place]
        return Inputs(self.shapes, group, vocabulary, self.whole)
