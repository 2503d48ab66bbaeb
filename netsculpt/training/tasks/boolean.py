"""Boolean tasks: the whole truth table of a circuit."""

from __future__ import annotations

import numpy as np

from netsculpt.graph.circuits import Circuit, parse_circuit, truth_table
from netsculpt.training.tasks.goals import Bits
from netsculpt.training.tasks.protocol import Function, Task, Truth

__all__ = ["boolean"]


def boolean(text: str | Circuit, *, name: str = "boolean") -> Task:
    r"""Make a task from a Boolean circuit.

    The samples are all :math:`2^n` inputs of 0 and 1, the first input being the highest bit;
    training and validation use the same table. The truth is the circuit: a function that only
    copies or negates another counts as a further output of that one, so ``again = ~f`` is one more
    use of ``f``.

    Parameters
    ----------
    text
        One function per line with Python's ``& | ^ ~``, as `netsculpt.parse_circuit` reads it:
        undefined names are inputs, functions that no other line uses are outputs. Or a circuit,
        whose inputs may be in any order, and more than the functions use.
    name
        Name of the task.

    Returns
    -------
    Task
        Inputs [2ⁿ, n], targets [2ⁿ, m] in the order of the definitions of the outputs.

    Raises
    ------
    FormatError
        If the text is not a circuit.
    LimitError
        If it has more than 20 inputs.

    Notes
    -----
    O(2ⁿ) a gate, 64 samples at once.

    Examples
    --------
    >>> task = boolean("f = a & b\nsame = f\nother = ~f\nboth = f ^ c")
    >>> task.inputs.shape, task.targets.shape
    (torch.Size([8, 3]), torch.Size([8, 3]))
    >>> task.output_names, task.truth.output_groups.labels.tolist()  # same and other are f
    (('same', 'other', 'both'), [0, 0, 1])
    """
    import torch

    circuit = text if isinstance(text, Circuit) else parse_circuit(text)
    inputs, outputs = (torch.from_numpy(part.astype(np.float32)) for part in truth_table(circuit))
    goal = Bits(outputs.shape[1])
    return Task(name, inputs, outputs, goal, _truth(circuit), outputs=circuit.outputs)


def _truth(circuit: Circuit) -> Truth:
    column = {name: index for index, name in enumerate(circuit.inputs)}
    line = {name: index for index, name in enumerate(circuit.functions)}
    outputs: dict[str, list[int]] = {}
    for index, name in enumerate(circuit.outputs):
        outputs.setdefault(circuit.origins[name], []).append(index)
    functions = []
    for name, origin in circuit.origins.items():
        if origin != name:
            continue
        used = circuit.uses[name]
        below = sorted(used & line.keys(), key=line.__getitem__)
        functions.append(
            Function(
                name,
                inputs=tuple(sorted(column[x] for x in used & column.keys())),
                uses=tuple(dict.fromkeys(circuit.origins[x] for x in below)),
                outputs=tuple(outputs.get(name, ())),
            )
        )
    return Truth(len(column), len(circuit.outputs), tuple(functions))
