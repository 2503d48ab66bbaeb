"""Whether units carry a function: give them their state in another input, and see what follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed
from netsculpt.graph.circuits import Circuit
from netsculpt.graph.circuits.forcing import require_function
from netsculpt.training.influence.interchange.pairs import (
    Counterfactual,
    Samples,
    drawn_pairs,
    swapped_answers,
)
from netsculpt.training.influence.interchange.scores import (
    Interchange,
    over_all_pairs,
    over_drawn_pairs,
)
from netsculpt.training.influence.intervening import AnyNet, Intervenable, intervenable

__all__ = ["MOST_INPUTS", "interchange", "interchanged"]

MOST_INPUTS = 10  # of which all pairs are run


def interchange(
    net: AnyNet,
    units: ArrayLike,
    circuit: Circuit,
    function: str,
    *,
    n_pairs: int = 20_000,
    rng: RNG = None,
) -> Interchange:
    r"""Interchange accuracy (IIA) of a set of units for a function of a circuit.

    The net runs on x while the units have their activations on x′. If they carry f, and nothing
    else, its outputs are those of the circuit on x with f := f(x′):

    .. math:: \mathrm{IIA} = P_{x, x'}\,[\, N(x \mid a_M = a_M(x')) = C(x \mid f = f(x')) \;\big|\;
              C(x \mid f = f(x')) \ne C(x) \,]

    Only pairs whose outputs should change are counted, so units that do nothing score 0, however
    seldom f matters; with all pairs they would score near 1.

    Parameters
    ----------
    net
        The net, in any form that `intervenable` takes; it computes the circuit, more or less well.
    units
        Indices of units, or booleans [U]: inputs and hidden units.
    circuit
        What it computes, as `netsculpt.parse_circuit` reads it; its inputs and outputs are the
        net's, in the same order.
    function
        Name of a line of the circuit. What depends on it is said by the text: lines that mention
        it, or a copy or negation of it.
    n_pairs
        With more than 10 inputs, pairs that are drawn; those whose outputs should change are fewer.
    rng
        Seed or generator of the pairs.

    Returns
    -------
    Interchange
        With up to 10 inputs over all pairs, without sampling. `unchanged` is the other side: units
        that carry more than f change what should stay.

    Raises
    ------
    FormatError
        If the net has other inputs or outputs than the circuit.
    GraphError
        If there is no such unit or function.

    Notes
    -----
    O(2ⁿ S) runs, where S ≤ 2ⁿ is the number of different states of the units. The whole net is one
    set of units that scores high for the function that its only output computes: look at small
    sets, `unchanged`, and random ones (`interchanges`). A. Geiger et al., Causal Abstractions of
    Neural Networks, arXiv:2106.02997; that only changing pairs count is ours.

    Examples
    --------
    >>> from netsculpt import compile_circuit, parse_circuit
    >>> circuit = parse_circuit("left = a ^ b; y1 = left & c; y2 = left | d")
    >>> net = compile_circuit(circuit)
    >>> left = net.truth.labels == net.modules.index("left")
    >>> hidden = intervenable(net).hidden
    >>> interchange(net, left & hidden, circuit, "left").accuracy
    1.0
    """
    able = intervenable(net, example=torch.zeros(1, len(circuit.inputs)))
    require_function(circuit, function)
    chosen = able.units(units)[None]
    ((found,),) = interchanged(able, chosen, circuit, [function], n_pairs, root_seed(rng))
    return found


def interchanged(
    net: Intervenable,
    sets: NDArray[np.bool_],
    circuit: Circuit,
    functions: Sequence[str],
    n_pairs: int,
    seed: int,
) -> list[list[Interchange]]:
    """Scores of every set of units [S, U] for every function."""
    checked_whole(n_pairs, "n_pairs", least=1)
    if len(circuit.inputs) <= MOST_INPUTS:
        samples = Samples.of(net, circuit)
        ways = {name: Counterfactual.of(samples, name) for name in functions}
        found = []
        for units in sets:
            answers, state = swapped_answers(net, samples, units)
            found.append(
                [over_all_pairs(samples, way, name, answers, state) for name, way in ways.items()]
            )
        return found
    samples, donors = drawn_pairs(net, circuit, n_pairs, seed=seed, stage="pairs")
    ways = {name: Counterfactual.of(samples, name) for name in functions}
    found = []
    for units in sets:
        swapped = net.replaced(samples.given, units[None], donors.activations)[0] > 0
        answers = swapped.cpu().numpy()
        values = donors.functions
        found.append(
            [over_drawn_pairs(samples, way, x, answers, values[x]) for x, way in ways.items()]
        )
    return found
