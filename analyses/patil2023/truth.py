"""Sub-functions of the tasks, and whether a partition shows them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["CRITERIA", "Truth", "judge", "truth_of"]

CRITERIA = ("inputs", "outputs", "hidden", "reused", "single")


@dataclass(frozen=True)
class Truth:
    """Sub-functions of a task."""

    study: str  # "overlap", "reuse", "exemplar" or "levels"
    name: str
    inputs: str  # a letter per input: inputs of one letter are used by the same sub-functions
    functions: tuple[str, ...]  # letters that each output function reads
    outputs: tuple[int, ...] = (0, 1)  # function of the first outputs; repeats

    def output_functions(self, n_outputs: int) -> NDArray[np.intp]:
        """Function of each output."""
        return np.array(list(islice(cycle(self.outputs), n_outputs)), dtype=np.intp)

    def reads(self, function: int) -> NDArray[np.bool_]:
        """Which inputs an output function depends on."""
        return np.array([letter in self.functions[function] for letter in self.inputs])


_TRUTHS = {  # by the authors' name of the task without the number of outputs
    (8, 2): Truth("overlap", "0 shared inputs", "aaaabbbb", ("a", "b")),
    (7, 3, 2): Truth("overlap", "1 shared input", "aaabccc", ("ab", "bc")),
    (6, 3, 2): Truth("overlap", "2 shared inputs", "aabbcc", ("ab", "bc")),
    (5, 3, 2): Truth("overlap", "3 shared inputs", "abbbc", ("ab", "bc")),
    (4, 1, 2, 2): Truth("overlap", "4 shared inputs", "aaaa", ("a", "a")),
    (4, 1, 2): Truth("reuse", "reused", "aaaa", ("a", "a")),
    (4, 2): Truth("exemplar", "input separable", "aabb", ("a", "b"), (0, 0, 1, 1)),
    (6, 3, 3): Truth(
        "exemplar", "input separable and reused", "aabbcc", ("ab", "ac", "bc"), (0, 1, 2)
    ),
    (4, 1): Truth("exemplar", "non-modular", "aaaa", ("a",), (0,)),
    (8, 2, 1, 2): Truth("levels", "hierarchical levels", "aaaabbbb", ("ab", "ab")),
}


def truth_of(task: tuple[int, ...]) -> Truth:
    """Truth of a task by the authors' name of it."""
    if task[:-1] not in _TRUTHS:
        known = ", ".join(str([*name, "n"]) for name in _TRUTHS)
        raise FormatError(f"task {list(task)} is not one of the paper's: {known} are")
    return _TRUTHS[task[:-1]]


def judge(graph: NetGraph, partition: Partition, truth: Truth) -> dict[str, bool]:
    """Whether a partition meets each of the paper's criteria.

    ``inputs``: inputs are grouped by the sub-functions that use them. ``outputs``: by function.
    ``hidden``: live hidden units carry exactly two labels. ``reused``: the inputs are one module
    with no output in it, and there are three modules in all. ``single``: there is one module.
    """
    first, last = graph.layers[0].units, graph.layers[-1].units
    inputs, outputs = partition.labels[first], partition.labels[last]
    hidden = partition.labels[first.stop : last.start]
    true_inputs = np.array([ord(letter) for letter in truth.inputs])
    source = set(inputs.tolist())
    return {
        "inputs": _equal(inputs, true_inputs),
        "outputs": _equal(outputs, truth.output_functions(outputs.size)),
        "hidden": np.unique(hidden[hidden >= 0]).size == 2,
        "reused": len(source) == 1
        and source.isdisjoint(outputs.tolist())
        and partition.n_modules == 3,
        "single": partition.n_modules == 1,
    }


def _equal(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> bool:
    """The same groups, whatever their numbers; a unit without a module (−1) is in none."""
    return np.array_equal(Partition(labels).labels, Partition(truth).labels)
