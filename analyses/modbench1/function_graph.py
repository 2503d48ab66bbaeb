"""The modules of a task: its functions, who owns each input, and which feeds which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.partition import NO_MODULE
from netsculpt.training.tasks import Truth

__all__ = ["FunctionGraph"]


@dataclass(frozen=True)
class FunctionGraph:
    """Modules that a network for a task should have.

    A module is a function, or a set of inputs that several functions read none of which reads
    another ("f+g"). An input belongs to the lowest function that reads it, as in
    `netsculpt.graph.circuits.compile_circuit`.
    """

    truth: Truth

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """Module of each input; "" if no function reads it."""
        functions = self.truth.functions
        below = {function.name: self._below(function.name) for function in functions}
        owners = []
        for column in range(self.truth.n_inputs):
            users = [x.name for x in functions if column in x.inputs]
            owners.append("+".join(x for x in users if below[x].isdisjoint(users)))
        return tuple(owners)

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """Names of all modules; the place of a name is its label."""
        shared = (name for name in self.owners if "+" in name)
        return tuple(dict.fromkeys([*(x.name for x in self.truth.functions), *shared]))

    @cached_property
    def feeds(self) -> frozenset[tuple[int, int]]:
        """Pairs of labels: a function reads the values, or the inputs, of the first module."""
        edges = set()
        for function in self.truth.functions:
            sources = {*function.uses, *(self.owners[column] for column in function.inputs)}
            edges |= {(self.label[x], self.label[function.name]) for x in sources}
        return frozenset((a, b) for a, b in edges if a != b)

    @cached_property
    def label(self) -> Mapping[str, int]:
        """Label of each module."""
        return {name: label for label, name in enumerate(self.modules)}

    @property
    def input_labels(self) -> NDArray[np.int64]:
        """Label of each input; −1: no function reads it."""
        return np.array([self.label.get(name, NO_MODULE) for name in self.owners])

    @property
    def output_labels(self) -> NDArray[np.int64]:
        """Label of each output: the function whose value, or its negation, it is."""
        labels = np.full(self.truth.n_outputs, NO_MODULE)
        for function in self.truth.functions:
            labels[list(function.outputs)] = self.label[function.name]
        return labels

    @cached_property
    def reads(self) -> NDArray[np.bool_]:
        """Which inputs each module depends on [modules, inputs]."""
        reads = np.zeros((len(self.modules), self.truth.n_inputs), dtype=bool)
        for name, label in self.label.items():
            if "+" in name:
                reads[label] = [owner == name for owner in self.owners]
            else:
                reads[label, list(self.truth.reads[name])] = True
        return reads

    @cached_property
    def serves(self) -> NDArray[np.bool_]:
        """Which modules each module leads to, itself included [modules, modules]."""
        serves = np.eye(len(self.modules), dtype=bool)
        for _ in self.modules:
            for a, b in self.feeds:
                serves[a] |= serves[b]
        return serves

    def _below(self, name: str) -> frozenset[str]:
        uses = {x.name: x.uses for x in self.truth.functions}
        return frozenset(uses[name]).union(*(self._below(x) for x in uses[name]))
